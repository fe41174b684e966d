"""A Transformer encoder as BERT has it: what a frozen body like MiniLM makes of a text.

Words and places are added up and normalised; in each layer every token looks at all the others,
then at itself; normalisation comes after each part. The features are the mean of the tokens.
(Devlin et al. 2019, "BERT"; Wang et al. 2020, "MiniLM"; Reimers & Gurevych 2019, the mean)
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from learnt.engine import nn
from learnt.engine.creation import arange
from learnt.engine.nn import functional as F
from learnt.engine.op import Array
from learnt.engine.tensor import Tensor

HIDDEN_SCORE = -1e4  # of a padded place: e^−10000 is 0, and no row is all −∞


@dataclass(frozen=True)
class Sizes:
    """The sizes of an encoder; by default those of MiniLM."""

    words: int = 30522
    places: int = 512  # the longest text, in tokens
    width: int = 384
    layers: int = 6
    heads: int = 12
    hidden: int = 1536
    eps: float = 1e-12


class EncoderLayer(nn.Module):
    """Attention, then two linear layers, each added to its input and normalised.

    The tokens of all texts are rows (N·L, width), so that each product is one of matrices.
    """

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.heads = sizes.heads
        self.projections = nn.Linear(sizes.width, 3 * sizes.width)  # queries, keys and values
        self.out = nn.Linear(sizes.width, sizes.width)
        self.norm1 = nn.LayerNorm(sizes.width, sizes.eps)
        self.linear1 = nn.Linear(sizes.width, sizes.hidden)
        self.linear2 = nn.Linear(sizes.hidden, sizes.width)
        self.norm2 = nn.LayerNorm(sizes.width, sizes.eps)

    def forward(self, x: Tensor, unseen: Tensor) -> Tensor:
        """`unseen` (N, 1, 1, L) is added to the scores: 0, or very little where it is padded."""
        n, length, width = unseen.shape[0], unseen.shape[3], x.shape[1]
        parts = self.projections(x).chunk(3, -1)
        q, k, v = (p.reshape(n, length, self.heads, -1).transpose(1, 2) for p in parts)
        scores = q @ k.transpose(-2, -1) / math.sqrt(width // self.heads) + unseen  # (N, H, L, L)
        y = (F.softmax(scores, -1) @ v).transpose(1, 2).reshape(n * length, width)
        x = self.norm1(x + self.out(y))
        return self.norm2(x + self.linear2(F.gelu(self.linear1(x))))  # type: ignore[no-any-return]


class TextEncoder(nn.Module):
    """Numbers of tokens (N, L), padded with 0 → features (N, width) of length 1.

    What the tokens mean here, after all the layers, as a mean over those that are no padding.
    """

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.words = nn.Embedding(sizes.words, sizes.width)
        self.places = nn.Embedding(sizes.places, sizes.width)
        self.norm = nn.LayerNorm(sizes.width, sizes.eps)
        self.layers = nn.ModuleList(EncoderLayer(sizes) for _ in range(sizes.layers))

    def forward(self, ids: Tensor) -> Tensor:
        n, length = ids.shape
        seen = (ids != 0).float()
        unseen = (1 - seen).reshape(n, 1, 1, length) * HIDDEN_SCORE
        x = self.norm((self.words(ids) + self.places(arange(length))).flatten(0, 1))
        for layer in self.layers:
            x = layer(x, unseen)  # (N·L, width)
        seen = seen.unsqueeze(-1)
        mean = (x.reshape(n, length, -1) * seen).sum(1) / seen.sum(1)
        return F.normalize(mean)


PROJECTIONS = ("query", "key", "value")
PARTS = {  # of a layer: our name, and the one in a BERT file
    "out": "attention.output.dense",
    "norm1": "attention.output.LayerNorm",
    "linear1": "intermediate.dense",
    "linear2": "output.dense",
    "norm2": "output.LayerNorm",
}


def from_bert(weights: Mapping[str, Array], sizes: Sizes) -> dict[str, Array]:
    """The weights of a BERT file, by the names that they have in `TextEncoder`.

    In BERT a token is of the first or the second text of a pair. Here there is one text, so what
    the first kind adds to every token is added to the places, once and for all.
    """
    kind = weights["embeddings.token_type_embeddings.weight"][0]
    found = {
        "words.weight": weights["embeddings.word_embeddings.weight"],
        "places.weight": weights["embeddings.position_embeddings.weight"] + kind,
    }
    for part in ("weight", "bias"):
        found[f"norm.{part}"] = weights[f"embeddings.LayerNorm.{part}"]
        for i in range(sizes.layers):
            ours, theirs = f"layers.{i}", f"encoder.layer.{i}"
            parts = [weights[f"{theirs}.attention.self.{x}.{part}"] for x in PROJECTIONS]
            found[f"{ours}.projections.{part}"] = np.concatenate(parts)
            for mine, name in PARTS.items():
                found[f"{ours}.{mine}.{part}"] = weights[f"{theirs}.{name}.{part}"]
    return found
