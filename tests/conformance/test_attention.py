"""Attention and the Transformer's layers beyond PyTorch's own samples (see test_module_db.py)."""

import warnings

import numpy as np
import onnxruntime
import pytest
import torch as reference  # noqa: TID251 - the reference

import learnt.engine as torch
from tests.conformance.compare import close, draw
from tests.conformance.test_module_db import hand_over
from tests.conformance.test_rnn import agree


def pair(make):
    """The same module in both libraries."""
    reference.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch's, of its fast path
        theirs, ours = make(reference.nn), make(torch.nn)
    hand_over(theirs, ours)
    return ours, theirs


def causal(lib, n):
    """PyTorch's mask: −∞ where a step is still to come."""
    return lib.nn.Transformer.generate_square_subsequent_mask(n)


CALLS = {
    "weights": lambda lib, m, x: m(x, x, x),
    "weights of each head": lambda lib, m, x: m(x, x, x, average_attn_weights=False),
    "no weights": lambda lib, m, x: m(x, x, x, need_weights=False)[0],
    "causal": lambda lib, m, x: m(x, x, x, attn_mask=causal(lib, 6)),
    "causal, said so": lambda lib, m, x: m(
        x, x, x, need_weights=False, attn_mask=causal(lib, 6), is_causal=True
    )[0],
    "padded": lambda lib, m, x: m(
        x, x, x, key_padding_mask=lib.tensor([[False] * 6, [False] * 4 + [True] * 2])
    ),
    "other keys": lambda lib, m, x: m(x, x[:4], x[:4]),
}
MASKS = {"attn_mask": (6, 6), "key_padding_mask": (2, 6)}


@pytest.mark.parametrize("options", [{}, {"bias": False}, {"add_bias_kv": True}], ids=str)
@pytest.mark.parametrize("name", CALLS)
def test_attention_is_pytorchs(name, options):
    ours, theirs = pair(lambda nn: nn.MultiheadAttention(8, 2, **options))
    agree(CALLS[name], ours, theirs, draw(6, 2, 8))


def test_one_object_for_query_key_and_value_is_as_three_equal_ones():
    ours, _ = pair(lambda nn: nn.MultiheadAttention(8, 2, batch_first=True))
    x = torch.tensor(draw(2, 6, 8))
    close(ours(x, x, x)[0].array, ours(x, x.clone(), x.clone())[0].array, 1e-6)


def test_dropout_falls_on_the_weights_in_training_only():
    layer = torch.nn.MultiheadAttention(8, 2, dropout=0.9)
    x = torch.ones(16, 1, 8)
    assert (layer(x, x, x)[1].array == 0).any()
    assert (layer.eval()(x, x, x)[1].array > 0).all()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"attn_mask": torch.zeros(5, 5)}, r"attn_mask must have shape \(6, 6\)"),
        ({"key_padding_mask": torch.zeros(6, 2)}, r"key_padding_mask must have shape \(2, 6\)"),
        ({"is_causal": True}, "pass both"),
        ({"attn_mask": torch.ones(6, 6, dtype=torch.int64)}, "bool or fractions; got int64"),
    ],
)
def test_wrong_masks_are_told(options, words):
    layer, x = torch.nn.MultiheadAttention(8, 2), torch.zeros(6, 2, 8)
    with pytest.raises(RuntimeError, match=words):
        layer(x, x, x, **options)


def test_sizes_and_activations_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match="multiple"):
        torch.nn.MultiheadAttention(7, 2)
    with pytest.raises(RuntimeError, match="activation"):
        torch.nn.TransformerEncoderLayer(8, 2, activation="sine")


def test_a_transformer_of_pytorchs_defaults_translates_alike_in_evaluation():
    ours, theirs = pair(lambda nn: nn.Transformer(16, 4, 2, 2, 32).eval())

    def f(lib, model, src, tgt):
        return model(src, tgt, tgt_mask=causal(lib, 5), tgt_is_causal=True)

    agree(f, ours, theirs, draw(6, 2, 16), draw(5, 2, 16))


def test_layers_of_a_stack_begin_alike_and_learn_apart():
    layer = torch.nn.TransformerEncoderLayer(8, 2, 16, activation=torch.nn.GELU())
    stack = torch.nn.TransformerEncoder(layer, 2, torch.nn.LayerNorm(8))
    first, second = (list(part.parameters()) for part in stack.layers)
    for p, q in zip(first, second, strict=True):
        assert np.array_equal(p.array, q.array)
        assert not np.shares_memory(p.array, q.array)
    assert stack.layers[0].activation is not layer.activation


def test_the_graph_of_an_encoder_serves_any_batch():
    layer = torch.nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    encoder = torch.nn.TransformerEncoder(layer, 2).eval()

    class Model(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder = encoder

        def forward(self, x):
            return self.encoder(x, causal(torch, 5), is_causal=True).mean(1)

    model = Model()
    graph = torch.onnx.export(model, torch.tensor(draw(2, 5, 8)))
    session = onnxruntime.InferenceSession(graph.SerializeToString())
    for n in (1, 4):
        x = draw(n, 5, 8)
        close(session.run(None, {"input": x})[0], model(torch.tensor(x)).array, 1e-5)
