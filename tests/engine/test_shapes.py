"""Views share memory where PyTorch's do, are written through alike, and errors are PyTorch's."""

import numpy as np
import pytest
import torch as reference  # noqa: TID251
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import learnt.engine as torch
from tests.conformance.compare import agree, draw

VIEWS = {
    "permute": lambda x, r: x.permute(*np.random.default_rng(r).permutation(x.ndim).tolist()),
    "transpose": lambda x, r: x.transpose(r % x.ndim, -1),
    "reverse": lambda x, r: x.permute(*range(x.ndim)[::-1]),
    "movedim": lambda x, r: x.movedim(r % x.ndim, -1),
    "select": lambda x, r: x.select(r % x.ndim, r % x.shape[r % x.ndim]),
    "narrow": lambda x, r: x.narrow(r % x.ndim, 0, max(x.shape[r % x.ndim] - 1, 1)),
    "slice": lambda x, r: x[:: 1 + r % 2],
    "dots": lambda x, r: x[..., r % x.shape[-1] :],
    "none": lambda x, r: x[:, None] if x.ndim > 1 else x[None],
    "unsqueeze": lambda x, r: x.unsqueeze(r % (x.ndim + 1)),
    "squeeze": lambda x, r: x.squeeze(),
    "squeeze one": lambda x, r: x.squeeze(r % x.ndim),
    "flatten": lambda x, r: x.flatten(),
    "reshape": lambda x, r: x.reshape(x.shape[0], -1),
    "unflatten": lambda x, r: x.unflatten(-1, (x.shape[-1], 1)),
    "expand": lambda x, r: x.expand(x.shape),
    "diagonal": lambda x, r: x.diagonal(r % 3 - 1) if x.ndim > 1 else x,
    "unfold": lambda x, r: x.unfold(r % x.ndim, 1, 1 + r % 2),
    "split": lambda x, r: x.split(1 + r % 2, r % x.ndim)[0],
    "chunk": lambda x, r: x.chunk(2, -1)[-1],
    "unbind": lambda x, r: x.unbind(r % x.ndim)[-1],
}
CHANGES = {
    "add_": lambda x, w: x.add_(w.sum()),
    "mul_": lambda x, w: x.mul_(w.max()),
    "masked_fill_": lambda x, w: x.masked_fill_(x > 1, 0.5),
    "set": lambda x, w: x.__setitem__(0, w.mean()) if x.ndim and x.numel() else x.fill_(3.0),
    "set all": lambda x, w: x.__setitem__(..., 0.25),
    "zero_": lambda x, w: x.zero_(),
}
chains = st.lists(st.tuples(st.sampled_from(sorted(VIEWS)), st.integers(0, 11)), max_size=5)


def chain(x, steps):
    """The view of a view of … of x that the steps make; none of a number or of nothing."""
    for name, r in steps:
        if x.ndim and 0 not in x.shape:
            x = VIEWS[name](x, r)
    return x


@settings(max_examples=300, deadline=None)
@given(chains)
def test_a_view_of_views_shares_the_memory_that_pytorchs_shares(steps):
    ours, theirs = torch.arange(24.0).reshape(2, 3, 4).clone(), reference.arange(24.0).view(2, 3, 4)
    mine, other = chain(ours, steps), chain(theirs.clone(), steps)
    np.testing.assert_array_equal(mine.array, other.numpy())
    shared = other.numel() and other.data_ptr() - other.storage_offset() * 4
    memory = (
        chain(theirs, steps).untyped_storage().data_ptr() == theirs.untyped_storage().data_ptr()
    )
    assert np.may_share_memory(mine.array, ours.array) == memory or not shared


@settings(max_examples=300, deadline=None)
@given(
    chains,
    st.lists(st.sampled_from(sorted(CHANGES)), min_size=1, max_size=3),
    st.booleans(),
    st.booleans(),
)
def test_a_change_through_a_view_of_views_reaches_the_base_and_its_gradient(
    steps, changes, grad, turned
):
    results = []
    for t in (reference, torch):
        w = t.tensor(draw(2, 3, 4), requires_grad=grad)
        base = (w.permute(2, 1, 0) if turned else w) * 2  # in memory, too
        part = chain(base, steps)
        try:
            for name in changes:
                CHANGES[name](part, w)
        except RuntimeError:  # PyTorch's, who does not allow changes of the results of split
            assume(t is torch)
            raise
        loss = (base * t.tensor(draw(*base.shape, seed=1))).sum() + (part * 2).sum()
        if grad:
            loss.backward()
        found = [base, part, w.grad if grad else w]
        results.append([x.detach().numpy() for x in found])
    for mine, other in zip(*results, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("take", ["split", "chunk", "unbind", "iter"])
def test_the_pieces_of_a_tensor_bring_their_gradients_home_once(take):
    pieces = {
        "split": lambda x: x.split((1, 2, 1)),
        "chunk": lambda x: x.chunk(2),
        "unbind": lambda x: x.unbind(),
        "iter": list,
    }[take]
    results = []
    for t in (torch, reference):
        w = t.tensor(draw(4, 3), requires_grad=True)
        x = w * 1
        parts = pieces(x)
        loss = sum((p * p).sum() * (i + 1) for i, p in enumerate(parts[:-1])) + (x**3).sum()
        loss.backward(retain_graph=True)
        loss.backward()
        results.append(w.grad.numpy())
    np.testing.assert_allclose(*results, rtol=1e-5)


def test_a_tensor_turned_in_place_keeps_its_history_and_its_memory():
    results = []
    for t in (torch, reference):
        w = t.tensor(draw(1, 3, 2), requires_grad=True)
        x = w * 2
        x.squeeze_(0).transpose_(0, 1).unsqueeze_(1)
        x[0] *= 3
        (x * x).sum().backward()
        results.append([x.detach().numpy(), w.grad.numpy()])
    for mine, other in zip(*results, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-5)


def test_contiguous_copies_only_what_is_out_of_order():
    x = torch.arange(6).reshape(2, 3)
    assert x.contiguous() is x
    copied = x.T.contiguous()
    copied[0, 0] = 9
    assert x[0, 0].item() == 0
    assert copied.is_contiguous()


def test_a_view_of_a_convolutions_result_shares_its_memory():
    layer = torch.nn.Conv2d(3, 4, 3)
    with torch.no_grad():
        y = layer(torch.zeros(2, 3, 8, 8))
        y.view(-1).fill_(7.0)
    assert (y == 7.0).all()


ERRORS = [
    (lambda t, x: x.reshape(5), RuntimeError),
    (lambda t, x: x.reshape(-1, -1), RuntimeError),
    (lambda t, x: x.reshape(-2, 12), RuntimeError),
    (lambda t, x: x.transpose(0, 5), IndexError),
    (lambda t, x: x.permute(0, 1), RuntimeError),
    (lambda t, x: x.permute(0, 1, 1), RuntimeError),
    (lambda t, x: x.permute(0, 1, 3), IndexError),
    (lambda t, x: x.movedim((0, 1), (1,)), RuntimeError),
    (lambda t, x: x.expand(3, 3, 4), RuntimeError),
    (lambda t, x: x.expand(4), RuntimeError),
    (lambda t, x: x.expand(-1, 2, 3, 4), RuntimeError),
    (lambda t, x: x.squeeze(5), IndexError),
    (lambda t, x: x.unsqueeze(5), IndexError),
    (lambda t, x: x.flatten(2, 1), RuntimeError),
    (lambda t, x: x.unflatten(1, (2, 2)), RuntimeError),
    (lambda t, x: x.t(), RuntimeError),
    (lambda t, x: x[0, 0].mT, RuntimeError),
    (lambda t, x: x.split(0), RuntimeError),
    (lambda t, x: x.split([1, 2]), RuntimeError),
    (lambda t, x: x.split(2, 5), IndexError),
    (lambda t, x: x.chunk(0), RuntimeError),
    (lambda t, x: x.narrow(0, 5, 1), IndexError),
    (lambda t, x: x.narrow(0, 1, 2), RuntimeError),
    (lambda t, x: x.select(0, 5), IndexError),
    (lambda t, x: x.unbind(5), IndexError),
    (lambda t, x: x.flip(0, 0), RuntimeError),
    (lambda t, x: x.flip(5), IndexError),
    (lambda t, x: x.roll(1, (0, 1)), RuntimeError),
    (lambda t, x: x[0, 0].tril(), RuntimeError),
    (lambda t, x: x.unfold(0, 3, 1), RuntimeError),
    (lambda t, x: x.unfold(2, 2, 0), RuntimeError),
    (lambda t, x: x.diagonal(0, 0, 0), RuntimeError),
    (lambda t, x: t.diag(x), RuntimeError),
    (lambda t, x: t.cat([]), ValueError),
    (lambda t, x: t.cat([x, x[0]]), RuntimeError),
    (lambda t, x: t.cat([t.tensor(1.0)]), RuntimeError),
    (lambda t, x: t.stack([x, x[0]]), RuntimeError),
    (lambda t, x: x.repeat(2), RuntimeError),
    (lambda t, x: x.repeat(-1, 1, 1), RuntimeError),
    (lambda t, x: x.repeat_interleave(t.tensor([1, 2, 3]), 0), RuntimeError),
    (lambda t, x: t.broadcast_tensors(x, t.ones(5)), RuntimeError),
]


@pytest.mark.parametrize(("wrong", "error"), ERRORS)
def test_a_shape_that_cannot_be_is_the_error_that_pytorch_raises(wrong, error):
    for t in (reference, torch):
        with pytest.raises(error):
            wrong(t, t.arange(24.0).reshape(2, 3, 4))


def test_the_same_memory_as_another_type_is_refused_in_words():
    with pytest.raises(NotImplementedError, match="view"):
        torch.zeros(2).view(torch.int32)


EXPORTED = {  # at two batch sizes, by `agree`
    "swap channels": lambda t, F, x: x.view(x.shape[0], 2, 3, 4).transpose(1, 2).flatten(1, 2),
    "split": lambda t, F, x: t.cat([p * (i + 1) for i, p in enumerate(x.split((1, 2, 3), 1))], 1),
    "chunk": lambda t, F, x: x.chunk(2, dim=1)[1],
    "unbind": lambda t, F, x: t.stack(x.unbind(1)[::-1], 1),
    "none": lambda t, F, x: x[:, None, 0, ..., None, 1:],
    "repeat": lambda t, F, x: x.repeat(1, 2, 3),
    "repeat_interleave": lambda t, F, x: x.repeat_interleave(2, 1),
    "flip": lambda t, F, x: x.flip(1),
    "roll": lambda t, F, x: x.roll((1, -2), (1, 2)),
    "tril": lambda t, F, x: x.tril(1),
    "places of one dimension": lambda t, F, x: x[:, t.tensor([5, 0, -1, 5])],
    "places of two dimensions": lambda t, F, x: x[:, t.tensor([5, 0]), t.tensor([-1, 2])],
    "gather": lambda t, F, x: x.gather(1, x.argsort(1)),
    "topk": lambda t, F, x: x.topk(3, 1).values,
    "sort": lambda t, F, x: x.sort(2, descending=True)[0],
    "masked_fill": lambda t, F, x: x.masked_fill(x > 0.5, 2.0),
    "where a mask": lambda t, F, x: written(x, x > 0.5, 0.25),
    "slices written": lambda t, F, x: written(x, (slice(None), 1), x[:, 0] * 3),
    "places written": lambda t, F, x: written(x, (slice(None), t.tensor([1, 3])), x[:, 4:] * 3),
    "index_add": lambda t, F, x: x.index_add(1, t.tensor([0, 0, 3]), x[:, 3:] * 2),
}


def written(x, index, value):
    y = x * 2
    y[index] = value
    return y


@pytest.mark.parametrize("name", EXPORTED)
def test_what_is_arranged_otherwise_exports_for_any_batch(name):
    agree(EXPORTED[name], draw(2, 6, 4))
