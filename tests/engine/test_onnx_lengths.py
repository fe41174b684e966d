"""Export with a free length: one graph for any batch and any length, or an error."""

import numpy as np
import onnx as onnx_library
import onnxruntime
import pytest

import learnt.engine as torch
from learnt.engine import nn
from learnt.engine.nn import functional as F

WORDS, WIDTH = 50, 16
PAIRS = [(1, 1), (1, 2), (2, 7), (3, 5), (1, 33), (5, 4), (7, 16), (2, 40), (16, 3)]


class Encoder(nn.Module):
    """Padded numbers of words (N, L) → the mean of what a Transformer makes of the words."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.places = nn.Embedding(WORDS, WIDTH), nn.Embedding(64, WIDTH)
        layer = nn.TransformerEncoderLayer(WIDTH, 4, 32, activation="gelu", batch_first=True)
        self.layers = nn.TransformerEncoder(layer, 2)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        x = self.words(ids) + self.places(torch.arange(ids.shape[1]))
        padding = ids == 0
        x = self.layers(x, src_key_padding_mask=padding)
        seen = (~padding).float().unsqueeze(-1)
        return (x * seen).sum(1) / seen.sum(1)


class Gpt(nn.Module):
    """As nanoGPT writes it: heads by view, a causal mask of any of three kinds."""

    def __init__(self, mask: str) -> None:
        super().__init__()
        self.mask, self.words, self.places = mask, nn.Embedding(WORDS, WIDTH), nn.Embedding(64, 16)
        self.attn, self.proj = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.register_buffer("bias", torch.tril(torch.ones(64, 64)).view(1, 1, 64, 64))
        self.norm, self.head = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, WORDS, bias=False)
        self.head.weight = self.words.weight

    def heads(self, x: torch.Tensor) -> torch.Tensor:
        b, t, c = x.size()
        return x.view(b, t, 4, c // 4).transpose(1, 2)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        b, t = ids.size()
        x = self.words(ids) + self.places(torch.arange(0, t, dtype=torch.long))
        q, k, v = map(self.heads, self.attn(self.norm(x)).split(WIDTH, dim=2))
        if self.mask == "fused":
            y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        else:
            scores = q @ k.transpose(-2, -1) / 2
            if self.mask == "buffer":
                scores = scores.masked_fill(self.bias[:, :, :t, :t] == 0, float("-inf"))
            elif self.mask == "tril":
                scores = scores.masked_fill(torch.tril(torch.ones(t, t)) == 0, float("-inf"))
            else:
                scores = scores + nn.Transformer.generate_square_subsequent_mask(t)
            y = F.softmax(scores, dim=-1) @ v
        y = y.transpose(1, 2).contiguous().view(b, t, WIDTH)
        return self.head(x + self.proj(y))


class Bag(nn.Module):
    """Words and pairs of neighbours, hashed to rows of tables, added up."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.pairs = nn.Embedding(WORDS, 4), nn.Embedding(31, 4)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        after = F.pad(ids[:, 1:], (0, 1))
        pairs = (ids * 7919 + after * 104729) % 31
        both = self.words(ids) + self.pairs(pairs) * (after != 0).float().unsqueeze(-1)
        seen = (ids != 0).float().unsqueeze(-1)
        return (both * seen).sum(1) / seen.sum(1).clamp(min=1)


class Function(nn.Module):
    def __init__(self, function, *layers: nn.Module) -> None:
        super().__init__()
        self.function, self.layers = function, nn.ModuleList(list(layers))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.function(x, *self.layers)


def padded(batch: int, length: int) -> np.ndarray:
    """Numbers of words, a row being shorter than the one before it."""
    random = np.random.default_rng(batch * 100 + length)
    ids = random.integers(1, WORDS, (batch, length))
    for i in range(batch):
        ids[i, max(1, length - i) :] = 0
    return ids


def check(model: nn.Module, inputs=padded, least: int = 1) -> list[str]:
    """One graph gives the module's numbers for many pairs of batch and length."""
    torch.manual_seed(0)
    example = torch.tensor(inputs(1, max(least, 2)))
    proto = torch.onnx.export(model, example, free=("batch", "length"))
    onnx_library.checker.check_model(proto, full_check=True)
    session = onnxruntime.InferenceSession(proto.SerializeToString())
    assert session.get_inputs()[0].shape[:2] == ["batch", "length"]
    model.eval()
    for batch, length in PAIRS:
        if length >= least:
            x = inputs(batch, length)
            (got,) = session.run(None, {"input": x})
            expected = model(torch.tensor(x)).array
            assert got.dtype == expected.dtype
            assert got.shape == expected.shape
            np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)
    return session.get_outputs()[0].shape


def test_an_encoder_of_padded_words_takes_any_batch_and_any_length():
    assert check(Encoder()) == ["batch", WIDTH]


@pytest.mark.parametrize("mask", ["fused", "buffer", "tril", "square"])
def test_a_gpt_takes_any_batch_and_any_length(mask):
    assert check(Gpt(mask)) == ["batch", "length", WORDS]


def test_a_bag_of_words_and_pairs_takes_any_batch_and_any_length():
    assert check(Bag()) == ["batch", 4]


def test_sounds_of_any_length_go_through_convolutions():
    layers = nn.Conv1d(3, 4, 5, padding=2), nn.Conv1d(4, 4, 3, padding=1)

    def hear(x: torch.Tensor, a: nn.Module, b: nn.Module) -> torch.Tensor:
        return b(F.relu(a(x.transpose(1, 2)))).amax(2)

    def sound(batch: int, length: int) -> np.ndarray:
        return np.random.default_rng(length).random((batch, length, 3), np.float32)

    assert check(Function(hear, *layers), sound) == ["batch", 4]


@pytest.mark.parametrize(
    ("function", "shape"),
    [
        (lambda x: x.reshape(-1), ["batch*length"]),
        (lambda x: x.flatten()[None].expand(3, -1), [3, "batch*length"]),
        (lambda x: x.unsqueeze(2).expand(-1, -1, x.shape[1]), ["batch", "length", "length"]),
        (lambda x: torch.zeros(x.shape[1], x.shape[0]), ["length", "batch"]),
        (lambda x: torch.arange(3, 2 * x.shape[1] + 3, 2) + x, ["batch", "length"]),
        (lambda x: torch.cat([x, x[:, :1]], 1), ["batch", "length+1"]),
        (lambda x: x.sum(1) / 3, ["batch"]),
        (lambda x: x.t().reshape(x.shape[1], x.shape[0], 1), ["length", "batch", 1]),
    ],
    ids=range(8),
)
def test_sizes_of_results_follow_the_batch_and_the_length(function, shape):
    assert check(Function(function)) == shape


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda x: x / x.shape[1], "size of the batch or length"),
        (lambda x: torch.zeros(x.shape[1] // 2), "size of the batch or length"),
        (lambda x: torch.zeros(x.shape[0] ** 2), "size of the batch or length"),
        (lambda x: torch.tensor(np.random.default_rng(0).random(x.shape[1])) + x, "size of the"),
        (lambda x: x if x.shape[1] == 2 else -x, "computes otherwise"),
    ],
    ids=range(5),
)
def test_what_does_not_follow_the_length_is_an_error(function, message):
    with pytest.raises(NotImplementedError, match=message):
        torch.onnx.export(
            Function(function), torch.ones(1, 2, dtype=torch.long), free=("batch", "length")
        )


def test_inputs_without_the_dimension_that_is_to_stay_free_are_an_error():
    with pytest.raises(NotImplementedError, match="without the dimensions batch, length"):
        torch.onnx.export(nn.ReLU(), torch.zeros(3), free=("batch", "length"))


def test_a_second_input_may_have_the_batch_only():
    def pick(x: torch.Tensor, at: torch.Tensor) -> torch.Tensor:
        return x.gather(1, at[:, None])

    args = torch.zeros(1, 4), torch.zeros(1, dtype=torch.long)
    proto = torch.onnx.export(pick, args, free=("batch", "length"))
    session = onnxruntime.InferenceSession(proto.SerializeToString())
    x, at = np.random.default_rng(0).random((6, 9), np.float32), np.arange(6)
    (got,) = session.run(None, {"input_0": x, "input_1": at})
    np.testing.assert_array_equal(got[:, 0], x[np.arange(6), at])
