"""A tokenizer learnt from texts: their commonest words, each with a number.

What comes out is the library's own file, tokenizer.json, which travels in the program. Texts are
cut as BERT does: control characters out, lower case, at white space and around punctuation, and
around each Chinese character.  (Devlin et al. 2019)
"""

import json
from collections.abc import Sequence

from learnt.data.split import Indices
from learnt.errors import MissingDependencyError

WORDS = 50_000  # at most
SPECIAL = ("[PAD]", "[UNK]")  # the numbers 0 and 1; no text in lower case has these words


def learnt_tokenizer(texts: Sequence[str], train: Indices, at_least: int) -> tuple[bytes, int]:
    """A tokenizer.json of the words that occur so often in the training texts; how many it has."""
    try:
        from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
    except ImportError:
        raise MissingDependencyError("tokenizers") from None
    tokenizer = Tokenizer(models.WordLevel(unk_token=SPECIAL[1]))
    tokenizer.normalizer = normalizers.BertNormalizer(strip_accents=False)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordLevelTrainer(
        vocab_size=WORDS, min_frequency=at_least, special_tokens=[], show_progress=False
    )
    tokenizer.train_from_iterator((texts[i] for i in train), trainer)
    found = tokenizer.get_vocab()
    words = [*SPECIAL, *sorted(found, key=lambda word: found[word])]
    numbers = {word: number for number, word in enumerate(words)}
    tokenizer.model = models.WordLevel(numbers, unk_token=SPECIAL[1])
    return json.dumps(json.loads(tokenizer.to_str())).encode(), len(words)
