"""`nn.init` and `nn.utils`: PyTorch's numbers where nothing is drawn, its distributions else."""

import math

import numpy as np
import pytest
import torch as reference  # noqa: TID251 - the reference

import learnt.engine as torch
from tests.conformance.compare import close, draw

init, their_init = torch.nn.init, reference.nn.init


def both(f):
    """What `f(library)` gives in either."""
    return f(torch), f(reference)


# --- init -----------------------------------------------------------------------------------------

FIXED = {
    "constant_": ((3, 2), (0.5,)),
    "ones_": ((3, 2), ()),
    "zeros_": ((3, 2), ()),
    "eye_": ((3, 5), ()),
    "dirac_": ((4, 2, 3), ()),
    "dirac_ of groups": ((6, 2, 3, 4), (3,)),
}
DRAWN = {  # standard deviation and largest number are PyTorch's, of 40,000 numbers
    "uniform_": (-0.5, 2.0),
    "normal_": (1.0, 3.0),
    "trunc_normal_": (0.2, 1.0, -0.5, 2.0),
    "xavier_uniform_": (2.0,),
    "xavier_normal_": (2.0,),
    "kaiming_uniform_": (math.sqrt(5),),
    "kaiming_uniform_ of fan_out": (0, "fan_out", "relu"),
    "kaiming_normal_": (0.1,),
    "kaiming_normal_ of fan_out": (0, "fan_out", "tanh"),
    "sparse_": (0.25, 0.5),
}


@pytest.mark.parametrize("name", FIXED)
def test_what_is_not_drawn_is_filled_as_in_pytorch(name):
    shape, options = FIXED[name]
    function = name.split()[0]
    ours, theirs = both(lambda lib: getattr(lib.nn.init, function)(lib.zeros(*shape), *options))
    assert np.array_equal(ours.array, theirs.numpy())


@pytest.mark.parametrize("name", DRAWN)
def test_what_is_drawn_is_distributed_as_in_pytorch(name):
    function, options = name.split()[0], DRAWN[name]
    shape = (200, 200) if function == "sparse_" else (100, 40, 10)
    torch.manual_seed(0)
    reference.manual_seed(0)
    ours, theirs = both(lambda lib: getattr(lib.nn.init, function)(lib.zeros(*shape), *options))
    x, y = ours.array.astype(float), theirs.numpy().astype(float)
    assert x.std() == pytest.approx(y.std(), rel=0.03)
    assert x.mean() == pytest.approx(y.mean(), abs=0.03 * y.std())
    if "normal" not in name or "trunc" in name:
        assert [x.min(), x.max()] == pytest.approx([y.min(), y.max()], rel=0.02, abs=0.5)
    assert np.count_nonzero(x == 0) == np.count_nonzero(y == 0) or "sparse" not in name


def test_a_truncated_normal_is_right_where_nothing_drawn_at_first_falls_inside():
    x = init.trunc_normal_(torch.zeros(1000), 0.0, 1.0, 6.0, 7.0).array
    assert x.min() >= 6
    assert x.max() <= 7
    assert x.mean() == pytest.approx(6.16, abs=0.02)  # φ(6)/(1 − Φ(6)) = 6.158


@pytest.mark.parametrize("shape", [(5, 5), (3, 8), (8, 2, 2)])
def test_orthogonal_matrices_have_orthonormal_rows_or_columns(shape):
    x = init.orthogonal_(torch.zeros(*shape), 2.0).array.reshape(shape[0], -1)
    small = x @ x.T if x.shape[0] <= x.shape[1] else x.T @ x
    close(small, 4 * np.eye(len(small)), 1e-5)


@pytest.mark.parametrize(
    "name",
    ["linear", "conv2d", "conv_transpose1d", "sigmoid", "tanh", "relu", "leaky_relu", "selu"],
)
def test_gains_are_pytorchs(name):
    assert init.calculate_gain(name) == pytest.approx(their_init.calculate_gain(name))
    given = (name, 0.3)
    assert init.calculate_gain(*given) == pytest.approx(their_init.calculate_gain(*given))


def test_a_seeded_generator_repeats_itself_and_leaves_the_other_alone():
    def drawn(function):
        return function(torch.empty(3, 4), generator=torch.Generator().manual_seed(5)).array

    before = torch.get_rng_state()
    for function in (init.uniform_, init.trunc_normal_, init.kaiming_normal_, init.orthogonal_):
        assert np.array_equal(drawn(function), drawn(function))
    assert torch.get_rng_state() == before


@pytest.mark.parametrize(
    "f",
    [
        lambda: init.xavier_uniform_(torch.zeros(3)),
        lambda: init.orthogonal_(torch.zeros(3)),
        lambda: init.eye_(torch.zeros(3)),
        lambda: init.sparse_(torch.zeros(3), 0.5),
        lambda: init.dirac_(torch.zeros(3, 2)),
        lambda: init.dirac_(torch.zeros(3, 2, 2), 2),
        lambda: init.kaiming_normal_(torch.zeros(3, 3), mode="fan"),
        lambda: init.calculate_gain("sine"),
    ],
)
def test_what_cannot_be_filled_is_a_value_error(f):
    with pytest.raises(ValueError, match=r"needs?|must|not known"):
        f()


def test_filling_between_forward_and_backward_is_found_out():
    layer = torch.nn.Linear(2, 2)
    y = layer(torch.ones(1, 2, requires_grad=True))
    init.zeros_(layer.weight)
    assert layer.weight.is_leaf
    with pytest.raises(RuntimeError, match="changed in place"):
        y.sum().backward()


# --- utils ----------------------------------------------------------------------------------------


def parameters(lib, *scales):
    """Two parameters with gradients, and one without."""
    made = []
    for i, shape in enumerate([(2, 3), (4,), (2,)]):
        p = lib.nn.Parameter(lib.tensor(draw(*shape, seed=i)))
        if i < len(scales):
            p.grad = lib.tensor(draw(*shape, seed=i + 5) * np.float32(scales[i]))
        made.append(p)
    return made


@pytest.mark.parametrize("norm", [2.0, 1.0, math.inf, 3])
@pytest.mark.parametrize("limit", [0.5, 100.0])
def test_gradients_are_clipped_by_norm_as_in_pytorch(norm, limit):
    def f(lib):
        ps = parameters(lib, 1, 3)
        total = lib.nn.utils.clip_grad_norm_((p for p in ps), limit, norm)
        return [total.numpy(), *(p.grad.numpy() for p in ps[:2])]

    for got, expected in zip(*both(f), strict=True):
        assert got.dtype == expected.dtype
        close(got, expected, 1e-6)


@pytest.mark.parametrize("bad", [math.inf, math.nan])
def test_gradients_that_are_not_finite_stay_so_or_are_refused(bad):
    def f(lib):
        ps = parameters(lib, bad)
        return [lib.nn.utils.clip_grad_norm_(ps, 1.0).numpy(), ps[0].grad.numpy()]

    for got, expected in zip(*both(f), strict=True):
        assert np.array_equal(got, expected, equal_nan=True)
    with pytest.raises(RuntimeError, match="finite"):
        torch.nn.utils.clip_grad_norm_(parameters(torch, bad), 1.0, error_if_nonfinite=True)
    assert torch.nn.utils.clip_grad_norm_(parameters(torch), 1.0).item() == 0


def test_gradients_are_clipped_by_value_as_in_pytorch():
    def f(lib):
        ps = parameters(lib, 1, 3)
        lib.nn.utils.clip_grad_value_(ps, 0.4)
        lib.nn.utils.clip_grad_value_(ps[0], 0.2)
        return [p.grad.numpy() for p in ps[:2]]

    for got, expected in zip(*both(f), strict=True):
        assert np.array_equal(got, expected)


def test_parameters_become_a_vector_and_a_vector_parameters():
    def f(lib):
        layer, utils = lib.nn.Linear(2, 3), lib.nn.utils
        utils.vector_to_parameters(lib.arange(9.0), layer.parameters())
        vector = utils.parameters_to_vector(layer.parameters())
        (vector * vector).sum().backward()
        return [vector.detach().numpy(), layer.weight.grad.numpy(), layer.bias.detach().numpy()]

    for got, expected in zip(*both(f), strict=True):
        assert np.array_equal(got, expected)
