"""Recurrent layers: PyTorch's results and gradients, whole, packed and step by step; twins."""

import numpy as np
import onnxruntime
import pytest
import torch as reference  # noqa: TID251 - the reference

import learnt.engine as torch
from tests.conformance.compare import close, draw
from tests.conformance.test_module_db import hand_over

LAYERS = {
    "RNN": {},
    "RNN of ReLU": {"nonlinearity": "relu"},
    "LSTM": {},
    "GRU": {},
}
OPTIONS = [
    {},
    {"num_layers": 3, "bidirectional": True},
    {"bias": False, "batch_first": True, "bidirectional": True},
]


def pair(name, **options):
    """The same layer in both libraries, 5 numbers in and 4 in its state."""
    kind, reference_options = name.split()[0], {**LAYERS.get(name, {}), **options}
    reference.manual_seed(0)
    theirs = getattr(reference.nn, kind)(5, 4, **reference_options)
    ours = getattr(torch.nn, kind)(5, 4, **reference_options)
    hand_over(theirs, ours)
    return ours, theirs


def flat(result):
    """All tensors of a result."""
    return [t for r in result for t in flat(r)] if isinstance(result, tuple | list) else [result]


def agree(f, ours, theirs, *arrays):
    """`f(torch, layer, *inputs)` gives the same in both, and the same gradients everywhere."""
    results, leaves = [], []
    for lib, layer in ((torch, ours), (reference, theirs)):
        inputs = [lib.tensor(a, requires_grad=True) for a in arrays]
        found = [t for t in flat(f(lib, layer, *inputs)) if t.requires_grad]
        weighed = [(t * lib.tensor(draw(*t.shape, seed=i))).sum() for i, t in enumerate(found)]
        sum(weighed).backward()
        results.append([t.detach().numpy() for t in found])
        leaves.append([t.grad.numpy() for t in (*inputs, *layer.parameters())])
    for side in (results, leaves):
        for got, expected in zip(*side, strict=True):
            close(got, expected, 1e-5)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("name", LAYERS)
def test_packed_sequences_go_in_and_out_as_in_pytorch(name, options):
    def f(lib, layer, x, *states):
        utils, first = lib.nn.utils.rnn, layer.batch_first
        packed = utils.pack_padded_sequence(x, [2, 6, 3], first, enforce_sorted=False)
        hx = states[0] if len(states) == 1 else states
        y, hidden = layer(packed, hx)
        padded, lengths = utils.pad_packed_sequence(y, first, -1.0, 7)
        assert lengths.tolist() == [2, 6, 3]
        return padded, hidden

    ours, theirs = pair(name, **options)
    shape = (3, 6, 5) if ours.batch_first else (6, 3, 5)
    state = (ours.num_layers * (1 + ours.bidirectional), 3, 4)
    states = [draw(*state, seed=i) for i in range(ours.op.states)]
    agree(f, ours, theirs, draw(*shape), *states)


@pytest.mark.parametrize("name", LAYERS)
def test_a_packed_batch_of_equal_lengths_is_the_whole_batch(name):
    ours, _ = pair(name, num_layers=2)
    x = torch.tensor(draw(6, 3, 5))
    packed = torch.nn.utils.rnn.pack_sequence([x[:, i] for i in range(3)])
    y, hidden = ours(packed)
    whole, expected = ours(x)
    assert np.array_equal(y.data.reshape(6, 3, 4).array, whole.array)
    for got, wanted in zip(flat(hidden), flat(expected), strict=True):
        assert np.array_equal(got.array, wanted.array)


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_a_cell_over_time_is_the_layer(kind):
    layer, _ = pair(kind)
    cell = getattr(torch.nn, f"{kind}Cell")(5, 4)
    cell.load_state_dict({k.removesuffix("_l0"): v for k, v in layer.state_dict().items()})
    x, state = torch.tensor(draw(6, 3, 5)), None
    expected, last = layer(x)
    for step, y in zip(x, expected, strict=True):
        state = cell(step, state)
        close(flat(state)[0].array, y.array, 1e-6)
    for got, wanted in zip(flat(state), flat(last), strict=True):
        close(got.array, wanted[0].array, 1e-6)


def sigmoid(x):
    return x.sigmoid()


def composed(kind, x, h, c, weights):
    """The cells by their equations, of plain operations."""
    wx, wh, bx, bh = weights
    a, b = x @ wx.T + bx, h @ wh.T + bh
    if kind == "RNN":
        return ((a + b).tanh(),)
    if kind == "LSTM":
        i, f, g, o = ((a + b)[:, 4 * k : 4 * k + 4] for k in range(4))
        c = sigmoid(f) * c + sigmoid(i) * g.tanh()
        return sigmoid(o) * c.tanh(), c
    r = sigmoid(a[:, :4] + b[:, :4])
    z = sigmoid(a[:, 4:8] + b[:, 4:8])
    n = (a[:, 8:] + r * b[:, 8:]).tanh()
    return ((1 - z) * n + z * h,)


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_the_fused_operation_is_its_equation(kind):
    cell = getattr(torch.nn, f"{kind}Cell")(5, 4).double()
    found = []
    for fused in (True, False):
        x, h, c = (
            torch.tensor(draw(3, n, seed=n), dtype=torch.float64, requires_grad=True)
            for n in (5, 4, 4)
        )
        h, c = h * 1, c * 1.5
        weights = [cell.weight_ih, cell.weight_hh, cell.bias_ih, cell.bias_hh]
        given = (h, c) if kind == "LSTM" else h
        results = flat(cell(x, given)) if fused else composed(kind, x, h, c, weights)
        cell.zero_grad()
        sum((r * (i + 2)).sum() for i, r in enumerate(results)).backward()
        found.append([t.array for t in results] + [t.grad.array for t in (x, *weights)])
    for got, expected in zip(*found, strict=True):
        close(got, expected, 1e-12)


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_gradients_are_the_numerical_ones(kind):
    layer = getattr(torch.nn, kind)(2, 3, num_layers=2, bidirectional=True).double()
    x = torch.tensor(draw(4, 2, 2), dtype=torch.float64, requires_grad=True)
    assert torch.gradcheck(lambda x: flat(layer(x))[0], (x,))


@pytest.mark.parametrize("options", [{}, {"num_layers": 2, "bidirectional": True}], ids=str)
@pytest.mark.parametrize("name", LAYERS)
def test_the_graph_serves_any_batch(name, options):
    class Head(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layer, _ = pair(name, batch_first=True, **options)

        def forward(self, x):
            y, hidden = self.layer(x)
            return y, flat(hidden)[0][-1]

    head = Head()
    model = torch.onnx.export(head, torch.tensor(draw(2, 6, 5)))
    session = onnxruntime.InferenceSession(model.SerializeToString())
    for n in (1, 4):
        x = draw(n, 6, 5)
        for got, expected in zip(
            session.run(None, {"input": x}), head(torch.tensor(x)), strict=True
        ):
            close(got, expected.array, 1e-5)


def test_dropout_falls_between_layers_in_training_only():
    layer, theirs = pair("GRU", num_layers=2, dropout=1.0)
    x = draw(6, 3, 5)
    y, h = layer(torch.tensor(x))
    expected, states = theirs(reference.tensor(x))
    close(y.array, expected.detach().numpy(), 1e-6)
    close(h.array, states.detach().numpy(), 1e-6)
    layer.eval()
    agree(lambda lib, layer, x: layer(x), layer, theirs.eval(), x)


def test_states_and_types_must_fit():
    layer, _ = pair("LSTM")
    with pytest.raises(RuntimeError, match=r"\(h, c\), each of shape \(1, 3, 4\)"):
        layer(torch.zeros(6, 3, 5), torch.zeros(1, 3, 4))
    with pytest.raises(RuntimeError, match="dtype, float64"):
        layer(torch.zeros(6, 3, 5, dtype=torch.float64))


@pytest.mark.parametrize(
    ("shape", "state", "error", "words"),
    [
        ((6, 3, 7), None, RuntimeError, "size 5"),
        ((6, 3, 5, 1), None, ValueError, "3 dimensions"),
        ((6, 3, 5), (1, 2, 4), RuntimeError, r"\(1, 3, 4\)"),
    ],
)
def test_wrong_shapes_are_told(shape, state, error, words):
    layer, _ = pair("GRU")
    with pytest.raises(error, match=words):
        layer(torch.zeros(*shape), None if state is None else torch.zeros(*state))


def test_what_is_not_here_says_so_and_wrong_options_are_refused():
    with pytest.raises(NotImplementedError, match="proj_size"):
        torch.nn.LSTM(2, 3, proj_size=2)
    with pytest.raises(ValueError, match="nonlinearity"):
        torch.nn.RNN(2, 3, 1, "sine")
    with pytest.raises(ValueError, match="num_layers"):
        torch.nn.GRU(2, 3, num_layers=0)
    layer, utils = torch.nn.GRU(2, 3), torch.nn.utils.rnn

    def packed(x):
        return layer(utils.pack_padded_sequence(x, [3, 2]))[0].data

    with pytest.raises(NotImplementedError, match="different lengths"):
        torch.onnx.export(packed, torch.zeros(3, 2, 2), any_batch=False)


# --- sequences of different lengths ---------------------------------------------------------------

LENGTHS = (2, 4, 3)
PACKING = {
    "pad_sequence": lambda u, s: u.pad_sequence(s),
    "pad_sequence, batch first": lambda u, s: u.pad_sequence(s, True, -1.0),
    "pad_sequence, left": lambda u, s: u.pad_sequence(s, padding_side="left"),
    "pack_sequence": lambda u, s: list(u.pack_sequence(s, enforce_sorted=False)),
    "pack_sequence, sorted": lambda u, s: list(u.pack_sequence(sorted(s, key=len)[::-1]))[:2],
    "back": lambda u, s: list(u.pad_packed_sequence(u.pack_sequence(s, False), True, 9.0, 6)),
    "unpad": lambda u, s: u.unpad_sequence(u.pad_sequence(s), u.pack_sequence(s, False)[2] * 0 + 2),
}


@pytest.mark.parametrize("name", PACKING)
def test_sequences_are_padded_and_packed_as_in_pytorch(name):
    found = []
    for lib in (torch, reference):
        sequences = [lib.tensor(draw(n, 2, seed=n), requires_grad=True) for n in LENGTHS]
        results = flat(PACKING[name](lib.nn.utils.rnn, sequences))
        follow = [t for t in results if t.requires_grad]
        sum((t * lib.tensor(draw(*t.shape, seed=i))).sum() for i, t in enumerate(follow)).backward()
        grads = [s.grad for s in sequences]
        found.append([t.detach().numpy() for t in (*results, *grads)])
    for got, expected in zip(*found, strict=True):
        assert got.dtype == expected.dtype
        close(got, expected, 1e-6)


def test_packing_refuses_what_it_cannot_mean():
    utils, x = torch.nn.utils.rnn, torch.zeros(4, 2, 1)
    with pytest.raises(RuntimeError, match="enforce_sorted"):
        utils.pack_padded_sequence(x, [2, 3])
    with pytest.raises(RuntimeError, match="above 0"):
        utils.pack_padded_sequence(x, [2, 0])
    with pytest.raises(ValueError, match="total_length"):
        utils.pad_packed_sequence(utils.pack_padded_sequence(x, [4, 2]), total_length=3)
    assert utils.pack_padded_sequence(x, torch.tensor([4, 2])).to(torch.float64).data.dtype == float
