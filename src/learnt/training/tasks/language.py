"""Text that goes on: a GPT learns to foresee the next token, and so to write.

Tokens are pairs of bytes merged on the text that is trained on; the figure counts bytes, so that
any other model of text can be compared: bits per byte of UTF-8.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from learnt.data.batches import Batch
from learnt.data.corpus import Corpus, read_texts
from learnt.data.split import SIDES
from learnt.engine import nn, optim
from learnt.engine.nn import functional as F
from learnt.engine.onnx import export
from learnt.engine.tensor import Tensor
from learnt.errors import MissingDependencyError
from learnt.models.gpt import GPT
from learnt.program.pack import Check
from learnt.runner.bpe import BytePairs
from learnt.runner.corpus import CorpusProgram, bits, windows
from learnt.runner.program import Program
from learnt.training.measured import Measured
from learnt.training.metrics import Evaluation
from learnt.training.muon import MuonAdamW
from learnt.training.plan import OVERHEAD, Budget, Machine, Plan, Recipe, chosen, fitting
from learnt.training.tasks.foresight import foresight, measured_text
from learnt.training.tasks.task import Answers, Array, Indices, Parts, Progress, Task, Words

MODELS = {  # the sizes of a network; the rows of its tables are primes
    "gpt": {
        "context": 128, "width": 128, "layers": 4, "heads": 4, "rows": 16_381, "row_size": 32,
    },
    "gpt-small": {
        "context": 64, "width": 64, "layers": 2, "heads": 2, "rows": 4_093, "row_size": 16,
    },
}  # fmt: skip
SMALL = 300_000  # bytes, below which the small one learns as well
RECIPE = Recipe("muon", 0.03, 1.0, batch=16, warm_up=0.1, cycle_momentum=False, pieces=4)
USUAL_SECONDS = 240.0  # of training, where nobody says otherwise
USUAL_STEPS = (200, 3000)  # at least, at most
MOST_PASSES = 6  # over the text: more and it is learnt by heart
LEARNT_FROM = 20 * 2**20  # characters, that the pairs are found in
CHECKED, CHECKED_SIZE = 6, 400  # texts that a program is compared on, and their characters
NOT_COUNTED = -100  # a target that counts for nothing
DETAILS = (
    "Every byte of the held-out text is foreseen once: the first tokens of each text from its "
    "beginning, all others from at least half a context."
)
LIMITS = (
    "It writes what is likely to follow, by the texts it has seen, and knows nothing of what is "
    "true. What it writes may repeat passages of those texts."
)


class Language(Task[Corpus]):
    """How does a text go on?"""

    name = "language-model"
    machine_decides = True
    answer_batch = 16
    keeps_best = True  # small texts are learnt by heart, and validation tells it exactly

    def plan(self, budget: Budget, machine: Machine, model: str | None) -> Plan:
        return plan_language(self.data.bytes("train"), budget, machine, model)

    def prepare(self, plan: Plan, progress: Progress) -> None:
        self.tokenizer_json = learn_pairs(self.data.texts("train"), plan.options["tokens"])
        self.tokenizer = BytePairs(self.tokenizer_json)
        self.begin = len(self.tokenizer)  # the token before each text
        self.sizes = np.array([*map(len, self.tokenizer.bytes), 0])  # bytes of each token
        self.context: int = plan.options["context"]
        places, parts, at = [], list[npt.NDArray[np.int64]](), 0
        for side in SIDES:
            begun = [
                np.array([self.begin, *self.tokenizer.encode([text])[0]])
                for text in self.data.texts(side)
            ]
            counts = [len(tokens) - 1 for tokens in begun]
            places.append(
                _training_windows(sum(map(len, begun)), self.context, plan.options["windows"])
                if side == "train"
                else _held_out_windows(counts, self.context, at)
            )
            parts += begun
            at += sum(map(len, begun))
        self.stream = np.concatenate(parts)
        self.starts, self.firsts, self.ends = np.concatenate(places, axis=1)
        edges = np.cumsum([0, *(found.shape[1] for found in places)])
        self.numbers = {
            side: np.arange(edges[i], edges[i + 1], dtype=np.int64) for i, side in enumerate(SIDES)
        }
        progress(1, 1)

    def network(self, plan: Plan) -> nn.Module:
        return GPT(self.begin + 1, **{name: plan.options[name] for name in MODELS["gpt"]})

    def optimizer(self, network: nn.Module, plan: Plan) -> optim.Optimizer:
        """Muon for the matrices of the blocks; AdamW for tables and the head.

        Rows for tokens together fade unless they are met again: most are met by chance.
        """
        lr = plan.recipe.lr
        kinds: dict[str, list[Any]] = {"blocks": [], "tables": [], "rest": []}
        for name, parameter in network.named_parameters():
            table = name.startswith(("neighbours.two", "neighbours.three"))
            block = name.startswith("blocks.")
            kinds["blocks" if block else "tables" if table else "rest"].append(parameter)
        return MuonAdamW(
            [
                {"params": kinds["blocks"], "rule": "muon", "lr": lr},
                {"params": kinds["tables"], "lr": lr, "weight_decay": plan.recipe.weight_decay},
                {"params": kinds["rest"], "lr": 0.3 * lr},
            ]
        )

    def examples(self, side: str) -> Indices:
        """Windows: of `train`, as many as an epoch has; of the others, all, overlapping by half."""
        return self.numbers[side]

    def batch(self, numbers: Indices, random: np.random.Generator | None = None) -> Batch:
        """Tokens (B, T) and those that follow; in training, from a little before or after."""
        starts, ends = self.starts[numbers], self.ends[numbers]
        if random is not None:
            apart = int(self.starts[1] - self.starts[0]) if len(self.numbers["train"]) > 1 else 1
            moved = starts + random.integers(-(apart // 2), apart // 2 + 1, len(starts))
            starts = np.clip(moved, 0, ends - self.context - 1)
        at = starts[:, None] + np.arange(self.context)
        last = ends[:, None] - 1
        inputs = np.where(at < last, self.stream[np.minimum(at, last)], 0)
        counted = (at < last) & (at >= starts[:, None] + self.firsts[numbers][:, None])
        targets = np.where(counted, self.stream[np.minimum(at + 1, last)], NOT_COUNTED)
        return (inputs,), targets

    def loss(self, outputs: Tensor, targets: Tensor, plan: Plan) -> Tensor:
        return F.cross_entropy(outputs.view(-1, self.begin + 1), targets.view(-1))

    def evaluate(self, side: str, answers: Answers) -> Evaluation:
        found, wanted = [], []
        for numbers, scores in answers:
            _, targets = self.batch(numbers)
            counted = targets != NOT_COUNTED
            found.append(bits(scores[counted], targets[counted]))
            wanted.append(targets[counted])
        sizes = self.sizes[np.concatenate(wanted)]
        return foresight(np.concatenate(found), sizes, self.data.texts(side))

    def program(self, plan: Plan, network: nn.Module, answers: Callable[[Indices], Array]) -> Parts:
        graph = export(network, (Tensor(self.batch(np.arange(1))[0][0]),), input_names=["tokens"])
        shape = {"context": self.context, "vocabulary": self.begin + 1}
        facts = {
            "input": {"kind": "prompt", "begin": self.begin, **shape},
            "output": {"kind": "next-token", **shape},
        }
        assets = {"tokenizer.json": self.tokenizer_json}
        return Parts(graph.SerializeToString(), facts, self._check(network), assets)

    def _check(self, network: nn.Module) -> Check:
        """Excerpts of the validation text, and the bits that the network gives each token."""
        text = "".join(self.data.texts("valid"))
        places = np.linspace(0, max(0, len(text) - CHECKED_SIZE), CHECKED).astype(int)
        excerpts = [text[at : at + CHECKED_SIZE] for at in places]
        items = self.tokenizer.encode(excerpts)
        wanted = [self._bits(network, tokens) for tokens in items]
        return Check([f"the validation text at {at}" for at in places], items, wanted)

    def _bits(self, network: nn.Module, tokens: Sequence[int]) -> Array:
        """As the program scores a text, by the network itself: without filling up."""
        known = np.array([self.begin, *tokens], np.int64)
        found = []
        for start, first in windows(len(tokens), self.context):
            row = known[:-1][start : start + self.context]
            scores = network(Tensor(row[None])).array[0, first:]
            found.append(bits(scores, known[1:][start + first : start + self.context]))
        return np.concatenate(found)

    def words(self, plan: Plan, evaluation: Evaluation) -> Words:
        options = plan.options
        return Words(
            question="how does a text like these go on?",
            limits=LIMITS,
            model=(
                f"{options['layers']} layers of width {options['width']}, {self.begin} tokens, "
                f"of which it sees the last {self.context}"
            ),
            details=(DETAILS,),
        )

    @classmethod
    def measure(cls, program: Program, source: Path, columns: dict[str, Any]) -> Measured:
        assert isinstance(program, CorpusProgram), "the program of this task"
        found, notes = read_texts(source)
        texts = [text for _, text in found]
        items = program.tokenizer.encode(texts)
        sizes = [len(program.tokenizer.bytes[token]) for tokens in items for token in tokens]
        return measured_text(np.concatenate(program.outputs(items)), np.array(sizes), texts, notes)


def plan_language(size: int, budget: Budget, machine: Machine, model: str | None = None) -> Plan:
    """A network and a schedule for `size` bytes of text to train on, within the budget."""
    asked = chosen(model, tuple(MODELS))
    name = asked or ("gpt-small" if size < SMALL else "gpt")
    reason = f"you asked for {asked}" if asked else f"there is {size / 1e6:.1f} MB to train on"
    sizes, batch = MODELS[name], RECIPE.batch
    tokens = 2048 if size >= 1_000_000 else 1024 if size >= SMALL else 512
    reading = size / 2e6
    step = _step_seconds(sizes, tokens, machine)
    seconds = USUAL_SECONDS if budget.minutes is None else budget.minutes * 60 - reading
    steps = int(min(USUAL_STEPS[1] if budget.minutes is None else 1e9, seconds / step))
    # About so many windows hold the whole text; an epoch takes fewer, if there is no time for all.
    every = max(batch, int(size / (2.2 + tokens / 2048) / sizes["context"]))
    each = max(batch, min(every, max(USUAL_STEPS[0], steps) * batch))
    usual = min(MOST_PASSES, max(1, round(max(USUAL_STEPS[0], steps) * batch / each)))
    epochs, reasons = fitting(usual, each / batch * step, reading, budget)
    facts = (
        ("tokens", f"{tokens}, in windows of {sizes['context']}"),
        ("network", f"{sizes['layers']} layers of width {sizes['width']}"),
    )
    reasons = [reason, *reasons, f"the text is read about {epochs * each / every:.1f} times then"]
    expected = reading + epochs * each / batch * step + OVERHEAD
    options = {**sizes, "tokens": tokens, "windows": each}
    several = name == "gpt"  # the small one's pieces would be too small for threads
    recipe, threads = (RECIPE, None) if several else (replace(RECIPE, pieces=1), 1)
    return Plan(
        name, epochs, recipe, expected, reading, tuple(reasons), facts, options, threads=threads
    )


def _step_seconds(sizes: dict[str, int], tokens: int, machine: Machine) -> float:
    """Of one step of training: two fifths are products, the rest lies between them."""
    products = 12 * sizes["width"] ** 2 * sizes["layers"] + sizes["width"] * tokens
    work = 2.5 * 6 * products * RECIPE.batch * sizes["context"]
    return work / (machine.gflops * 1e9) / min(2, machine.cores)


def learn_pairs(texts: Sequence[str], tokens: int) -> bytes:
    """A tokenizer.json of so many tokens: 256 bytes, and the commonest pairs, again and again."""
    try:
        from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    except ModuleNotFoundError:
        raise MissingDependencyError("tokenizers") from None
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=tokens,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    share = min(1.0, LEARNT_FROM / max(1, sum(map(len, texts))))
    tokenizer.train_from_iterator([text[: int(len(text) * share)] for text in texts], trainer)
    return str(tokenizer.to_str()).encode()


def _training_windows(tokens: int, context: int, count: int) -> npt.NDArray[np.int64]:
    """(start, first, end) of an epoch's windows, spread over the whole text."""
    most = max(1, (tokens - 1) // context)
    starts = np.linspace(0, tokens - 1 - context, min(count, most)).astype(np.int64)
    return np.stack([starts, np.zeros_like(starts), np.full_like(starts, tokens)])


def _held_out_windows(counts: Sequence[int], context: int, at: int) -> npt.NDArray[np.int64]:
    """The same, for texts of so many tokens from place `at` of the stream: each foreseen once."""
    found = []
    for count in counts:
        end = at + count + 1
        found += [(at + start, first, end) for start, first in windows(count, context)]
        at = end
    return np.array(found, np.int64).reshape(-1, 3).T
