"""Changes in place: values, histories and views as PyTorch has them, or an error; never silence."""

import numpy as np
import pytest
import torch as reference  # noqa: TID251
from hypothesis import given, settings
from hypothesis import strategies as st

import learnt.engine as torch


def both(scenario):
    """What a scenario returns (a list of tensors) with the engine and with PyTorch."""
    for ours, theirs in zip(scenario(torch), scenario(reference), strict=True):
        np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), rtol=1e-5)


def leaf(t, *shape):
    numbers = np.arange(1, 1 + np.prod(shape), dtype=np.float32).reshape(shape)
    return t.tensor(numbers, requires_grad=True)


SCENARIOS = {}


def scenario(function):
    SCENARIOS[function.__name__.replace("_", " ")] = function
    return function


@scenario
def a_result_changed_in_place(t):
    w = leaf(t, 3)
    y = w * 2
    y += w
    y *= w
    y.sum().backward()
    return [y, w.grad]


@scenario
def another_name_sees_the_change(t):
    w = leaf(t, 3)
    y = w * 2
    z = y
    y += w
    (z * z).sum().backward()
    return [z, w.grad]


@scenario
def what_used_it_before_keeps_its_gradient(t):
    w = leaf(t, 3)
    y = w + 1
    z = y + w
    y += 10 * w
    (z * 2 + y).sum().backward()
    return [y, z, w.grad]


@scenario
def a_row_of_zeros_filled_with_results(t):
    w = leaf(t, 3)
    out = t.zeros(2, 3)
    for i in range(2):
        out[i] = w * (i + 1)
    (out * out).sum().backward()
    return [out, w.grad]


@scenario
def a_view_changed_changes_its_base(t):
    w = leaf(t, 2, 3)
    y = w * 1
    y[:, 1:] *= w[:, 1:]
    (y * y).sum().backward()
    return [y, w.grad]


@scenario
def a_view_of_a_view(t):
    w = leaf(t, 4)
    y = (w * 3).reshape(2, 2)
    y.t()[0].mul_(w[:2])
    y.sum().backward()
    return [y, w.grad]


@scenario
def the_base_of_a_constant_becomes_part_of_the_graph(t):
    w, base = leaf(t, 2), t.ones(3, 2)
    view = base[1]
    view.copy_(w * w)
    (base.sum(0) * view).sum().backward()
    return [base, view, w.grad]


@scenario
def a_number_written_over_cuts_the_gradient(t):
    w = leaf(t, 3)
    y = w * w
    y[1] = 5.0
    y.sum().backward()
    return [y, w.grad]


@scenario
def filled_with_zeros(t):
    w = leaf(t, 3)
    y = w * w
    y.zero_()
    y += w
    y.sum().backward()
    return [y, w.grad]


@scenario
def masked_and_indexed(t):
    w = leaf(t, 2, 3)
    y = w * 2
    y[w > 4] = 0
    y[:, [0, 2]] += w[:, :2]
    (y * w).sum().backward()
    return [y, w.grad]


@scenario
def a_leaf_within_no_grad(t):
    w = leaf(t, 3)
    with t.no_grad():
        w -= 0.5
        w[0] = 7.0
        w.mul_(2)
    (w * w).sum().backward()
    return [w, w.grad]


@scenario
def relu_in_place(t):
    w = leaf(t, 4)
    y = t.nn.functional.relu(w - 2.5, inplace=True)
    (y * w).sum().backward()
    return [y, w.grad]


@scenario
def detached_numbers_share_memory(t):
    w = leaf(t, 3)
    y = w * 1
    y.detach().add_(5)
    return [y]


@scenario
def a_hook_sees_and_replaces_the_gradient(t):
    w, seen = leaf(t, 3), []
    y = w * 2
    y.register_hook(lambda g: seen.append(g) or g * 10)
    handle = w.register_hook(lambda g: g + 1)
    removed = w.register_hook(lambda g: g * 0)
    removed.remove()
    y.retain_grad()
    (y * y).sum().backward()
    handle.remove()
    return [seen[0], y.grad, w.grad]


@scenario
def a_retained_gradient_is_added_to(t):
    w = leaf(t, 3)
    y = w * 2
    y.retain_grad()
    z = (y * y).sum()
    z.backward(retain_graph=True)
    z.backward()
    return [y.grad, w.grad]


@scenario
def gradients_by_chosen_tensors(t):
    w, v = leaf(t, 3), leaf(t, 3)
    y = w * v
    z = (y * y).sum()
    return list(t.autograd.grad(z, [w, y, v]))


@scenario
def backward_from_several(t):
    w = leaf(t, 3)
    y, z = w * 2, w * w
    t.autograd.backward([y, z], [t.ones(3), t.ones(3) * 2])
    return [w.grad]


@scenario
def backward_to_some_leaves(t):
    w, v = leaf(t, 3), leaf(t, 3)
    (w * v).sum().backward(inputs=[v])
    assert w.grad is None
    return [v.grad]


@pytest.mark.parametrize("name", SCENARIOS)
def test_as_in_pytorch(name):
    both(SCENARIOS[name])


@pytest.mark.parametrize(
    "change",
    [
        lambda x: x.add_(1),
        lambda x: x.zero_(),
        lambda x: x[0].mul_(2),
        lambda x: x.view(-1).mul_(2),
        lambda x: x.__setitem__(1, 9.0),
    ],
    ids=range(5),
)
def test_a_kept_array_changed_before_backward_is_an_error_in_both(change):
    for library in (torch, reference):
        w, x = leaf(library, 3), library.ones(3)
        y = w * x  # x is kept for the gradient of w
        change(x)
        with pytest.raises(RuntimeError, match="place"):
            y.sum().backward()


def test_an_optimiser_step_between_forward_and_backward_is_an_error_in_both():
    for library in (torch, reference):
        layer = library.nn.Linear(2, 2)
        optimizer = library.optim.SGD(layer.parameters(), lr=0.1)
        x = library.ones(1, 2, requires_grad=True)
        first, second = layer(x).sum(), layer(x).sum()
        first.backward()
        optimizer.step()
        with pytest.raises(RuntimeError, match="place"):
            second.backward()


def test_a_tensor_times_itself_in_place_has_the_gradient_of_its_square_where_pytorch_refuses():
    w = leaf(torch, 3)
    y = w + 1
    y *= y
    y.sum().backward()
    assert w.grad.tolist() == [4, 6, 8]


def test_what_kept_nothing_may_see_its_inputs_change():
    for library in (torch, reference):
        w, x = leaf(library, 3), library.ones(3)
        y = w + x
        x.mul_(100)
        y.sum().backward()
        assert w.grad.tolist() == [1, 1, 1]


@pytest.mark.parametrize(
    "change",
    [
        lambda w: w.add_(1),
        lambda w: w[0].add_(1),
        lambda w: w.__setitem__(0, 1.0),
        lambda w: w.view(3, 1).zero_(),
        lambda w: w.normal_(),
    ],
)
def test_a_leaf_that_wants_a_gradient_cannot_be_changed_in_place_nor_through_a_view(change):
    for library in (torch, reference):
        with pytest.raises(RuntimeError, match="leaf"):
            change(leaf(library, 3))


def test_an_outdated_view_is_an_error_not_a_wrong_gradient():
    w = leaf(torch, 2)
    base = torch.zeros(2, 2)
    first, second = base[0], base[1]
    first.copy_(w)
    with pytest.raises(RuntimeError, match="take the view again"):
        (second * w).sum()
    (base[1] * w + base[0]).sum().backward()
    assert w.grad.tolist() == [1, 1]


def test_what_does_not_fit_in_place_is_an_error_in_both():
    for library in (torch, reference):
        with pytest.raises(RuntimeError):
            library.ones(2).add_(library.ones(3, 2))
        with pytest.raises(RuntimeError):
            library.ones(2, dtype=library.int64).add_(0.5)
        with pytest.raises(RuntimeError):
            library.ones(1, 2).expand(3, 2).add_(1)


STEPS = st.lists(
    st.sampled_from(
        [
            lambda t, w, x: x.add_(w),
            lambda t, w, x: x.mul_(2),
            lambda t, w, x: x[0].add_(w[1]),
            lambda t, w, x: x[:, 1].mul_(w[:, 0]),
            lambda t, w, x: x.t()[1].sub_(w.t()[0]),
            lambda t, w, x: x.view(-1)[1:3].mul_(3),
            lambda t, w, x: x.__setitem__((slice(None), 0), w[:, 1]),
            lambda t, w, x: x.__setitem__(0, 2.0),
            lambda t, w, x: x.unsqueeze(0)[0, 1].copy_(w[0] * w[1]),
            lambda t, w, x: x.diagonal().add_(w.diagonal()),
            lambda t, w, x: x.clamp_(-50, 50),
        ]
    ),
    max_size=6,
)


@settings(deadline=None, max_examples=60)
@given(STEPS, st.booleans())
def test_any_sequence_of_changes_gives_pytorchs_value_and_gradient(steps, constant):
    def run(t):
        w = leaf(t, 2, 2)
        x = t.ones(2, 2) if constant else w * 0.5
        for step in steps:
            step(t, w, x)
        (x * w).sum().backward()
        return [x, w.grad]

    both(run)


def test_a_function_of_ones_own_is_pytorchs():
    def run(t):
        class Scale(t.autograd.Function):
            @staticmethod
            def forward(ctx, x, factor, y):
                ctx.save_for_backward(x, y)
                ctx.factor = factor
                assert ctx.needs_input_grad == (True, False, False)
                return x * factor * y, x + 1

            @staticmethod
            def backward(ctx, first, second):
                _, y = ctx.saved_tensors
                return first * ctx.factor * y + second, None, None

        w, y = leaf(t, 2, 2), t.ones(2, 2) * 3
        a, b = Scale.apply(w, 2.0, y)
        (a * a + b).sum().backward()
        return [a, b, w.grad]

    both(run)


def test_gradients_of_gradients_are_declined_in_words():
    w = leaf(torch, 2)
    with pytest.raises(NotImplementedError, match="create_graph"):
        torch.autograd.grad((w * w).sum(), w, create_graph=True)


def test_grad_says_when_an_input_was_not_used():
    for library in (torch, reference):
        w, v = leaf(library, 2), leaf(library, 2)
        with pytest.raises(RuntimeError, match="used"):
            library.autograd.grad(w.sum(), [w, v])
        assert library.autograd.grad(w.sum(), [w, v], allow_unused=True)[1] is None


@pytest.mark.parametrize("name", ["no_grad", "inference_mode"])
def test_modes_are_contexts_and_decorators_with_and_without_brackets(name):
    for library in (torch, reference):
        mode = getattr(library, name)
        w = library.ones(1, requires_grad=True)
        for decorator in (mode, mode()):
            assert not decorator(lambda x: x * 2)(w).requires_grad
        with library.no_grad(), library.enable_grad():
            assert (w * 2).requires_grad
        with library.set_grad_enabled(False):
            assert not (w * 2).requires_grad
        assert (w * 2).requires_grad
