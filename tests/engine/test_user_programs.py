"""What people write around a network: printing, old idioms, NumPy's names, and mistakes.

Each claim is checked with PyTorch in the same test: the program runs under both libraries.
"""

import numpy as np
import pytest
import torch as reference  # noqa: TID251

from learnt import engine
from learnt.engine.nn import functional

LIBRARIES = (engine, reference)


def both(program):
    """What a program gives under the engine and under PyTorch."""
    return [program(library) for library in LIBRARIES]


def dtype_name(tensor):
    return str(tensor.dtype).removeprefix("torch.")


@pytest.mark.parametrize("spec", [".4f", "", ">8.2f", ".1e"])
def test_a_number_is_formatted_as_pythons_is(spec):
    ours, theirs = both(lambda torch: format(torch.tensor(1.23456), spec))
    assert ours == theirs


def test_whole_numbers_and_vectors_are_formatted_as_in_pytorch():
    ours, theirs = both(lambda torch: f"{torch.tensor(3):d} {torch.tensor([1.5])}")
    assert ours == theirs
    for torch in LIBRARIES:
        with pytest.raises(TypeError):
            format(torch.tensor([1.5]), ".2f")


@pytest.mark.parametrize(
    "values",
    [
        [1.5, 2], [1.0, 2.0], [1e-5, 1.0], [1e10, 1.0], [100000.0, 1.0], [1.23456, 100.0],
        [-1.5, 2.25], [float("nan"), 0.5], 1.5, 3.0, [[1.0, 2.5], [3.0, 4.0]], [True, False],
        [1, 2], [], [1e9], [0.0], [0.0, 0.5],
    ],
)  # fmt: skip
def test_a_tensor_is_printed_as_in_pytorch(values):
    ours, theirs = both(lambda torch: str(torch.tensor(values)))
    assert ours == theirs


def test_type_and_size_are_printed_where_they_are_not_clear():
    ours, theirs = both(lambda torch: f"{torch.ones(1).double()} {torch.zeros(0, 3)}")
    assert ours == theirs


@pytest.mark.parametrize("name", ["zeros", "ones", "empty", "rand", "randn"])
def test_a_size_may_be_given_by_its_name(name):
    ours, theirs = both(lambda torch: tuple(getattr(torch, name)(size=(2, 3)).shape))
    assert ours == theirs == (2, 3)
    ours, theirs = both(lambda torch: tuple(torch.randint(high=3, size=(2,)).shape))
    assert ours == theirs


def test_an_option_that_nobody_knows_is_a_type_error():
    for torch in LIBRARIES:
        for make in (torch.zeros, torch.ones, torch.rand, torch.randn):
            with pytest.raises(TypeError):
                make(2, requires_gard=True)


def test_a_new_tensor_of_an_old_ones_type_may_require_a_gradient():
    for torch in LIBRARIES:
        new = torch.ones(2, dtype=torch.float64).new_zeros(3, requires_grad=True)
        assert new.requires_grad
        assert new.dtype == torch.float64


def test_the_old_constructor_takes_numbers_or_sizes():
    for torch in LIBRARIES:
        assert torch.Tensor([1, 2]).dtype == torch.float32
        assert torch.Tensor([1, 2]).tolist() == [1, 2]
        assert torch.Tensor(2, 3).shape == (2, 3)
        assert torch.Tensor(4).shape == (4,)
        assert torch.Tensor().shape == (0,)
        assert torch.nn.Parameter(torch.Tensor(2, 1)).requires_grad


@pytest.mark.parametrize(
    "values",
    [
        lambda t: [np.float64(1.5), 2], lambda t: [np.float32(1), 2.5], lambda t: 3.5,
        lambda t: [t.tensor(1.0), 2.5], lambda t: [t.tensor(1.0), t.tensor(2)],
        lambda t: [[np.float64(1)], [2]], lambda t: [], lambda t: (1, 2.0), lambda t: np.int32(3),
        lambda t: [t.tensor(1.0, dtype=t.float64), 2.0],
    ],
)  # fmt: skip
def test_lists_of_numpys_numbers_keep_their_type(values):
    ours, theirs = both(lambda torch: dtype_name(torch.tensor(values(torch))))
    assert ours == theirs


@pytest.mark.parametrize(
    "program",
    [
        lambda x: x.sum(axis=1), lambda x: x.mean(axis=0, keepdims=True),
        lambda x: x.argmax(axis=1), lambda x: x.max(axis=1)[0], lambda x: x.std(axis=0),
        lambda x: x.norm(dim=1, keepdim=True), lambda x: x.cumsum(axis=1),
        lambda x: x.logsumexp(axis=-1), lambda x: (x > 0).any(axis=0), lambda x: +x,
        lambda x: x.erf(), lambda x: x.erf_(), lambda x: x.positive(),
    ],
)  # fmt: skip
def test_reductions_know_numpys_names(program):
    values = np.random.default_rng(0).normal(size=(2, 3)).astype(np.float32)
    ours, theirs = (program(torch.tensor(values)).numpy() for torch in LIBRARIES)
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)
    assert ours.dtype == theirs.dtype


def test_cat_and_stack_know_numpys_names():
    ours, theirs = both(
        lambda torch: [tuple(f([torch.ones(2, 3)] * 2, axis=1).shape)
                       for f in (torch.cat, torch.stack)]
    )  # fmt: skip
    assert ours == theirs


def test_a_part_of_a_shape_is_a_shape():
    for torch in LIBRARIES:
        shape = torch.ones(2, 3, 4).shape
        assert shape[1:].numel() == 12
        assert (shape + shape[:1]).numel() == 48


def test_a_type_may_be_named_by_its_old_constructor():
    for torch in LIBRARIES:
        assert torch.ones(2).type() == "torch.FloatTensor"
        assert torch.ones(2).type(torch.LongTensor).dtype == torch.int64
        assert torch.ones(2).type("torch.DoubleTensor").dtype == torch.float64


def test_old_places_of_names_are_there():
    for torch in LIBRARIES:
        assert torch.nn.parameter.Parameter is torch.nn.Parameter
        assert not torch.ones(1).is_cuda
        torch.cuda.empty_cache()
        torch.cuda.manual_seed(0)


def test_attention_is_a_function_of_nn_functional():
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=(2, 3, 4, 5)).astype(np.float32) for _ in range(3)]
    ours, theirs = both(
        lambda torch: torch.nn.functional.scaled_dot_product_attention(
            *map(torch.tensor, arrays), is_causal=True
        ).numpy()
    )
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "missing",
    [
        lambda: engine.ones(2).median(), lambda: engine.nn.Conv3d, lambda: functional.grid_sample,
        lambda: engine.optim.LBFGS, lambda: engine.ones(2).half(),
    ],
)  # fmt: skip
def test_what_is_not_there_names_itself(missing):
    with pytest.raises(NotImplementedError, match="is not part of this engine"):
        missing()
    assert not hasattr(engine.ones(2), "median")


LOSS = engine.nn.CrossEntropyLoss()


@pytest.mark.parametrize(
    ("wrong", "kind", "says"),
    [
        (lambda x: x.view(7), RuntimeError, r"reshape of \(2, 3\) .*\(7,\)"),
        (lambda x: x.permute(0, 0), RuntimeError, r"permute of \(2, 3\) .*\(0, 0\)"),
        (lambda x: x.expand(4, 3), RuntimeError, r"expand of \(2, 3\) .*\(4, 3\)"),
        (lambda x: engine.stack([x, x.T]), RuntimeError, r"stack .*\(2, 3\) and \(3, 2\)"),
        (engine.cat, TypeError, "cat needs a list of tensors"),
        (lambda x: x[:0].max(0), IndexError, r"max needs numbers; got shape \(0, 3\)"),
        (lambda x: x[5], IndexError, r"shape \(2, 3\): index 5 .* dimension 0 with size 2"),
        (lambda x: x[0, 0, 0], IndexError, r"shape \(2, 3\): too many indices"),
        (lambda x: x[engine.tensor([0.5])], IndexError, r"got float32: \.long\(\) converts"),
        (lambda x: x.gather(1, engine.tensor([[5]])), RuntimeError, r"dim 1 .* 0 to 2; got 5"),
        (lambda x: functional.embedding(x, x), RuntimeError, r"whole numbers.*float32"),
        (functional.one_hot, RuntimeError, "one_hot needs int64; got float32"),
        (lambda x: x.long().softmax(0), NotImplementedError, "softmax of int64"),
        (LOSS, TypeError, "CrossEntropyLoss takes .*; got 1"),
        (engine.nn.BatchNorm2d(3), RuntimeError, r"needs 4 dimensions .*\(2, 3\)"),
        (lambda x: engine.nn.Sequential(engine.nn.ReLU), TypeError, "Module or None; got '0'"),
        (engine.nn.Module(), NotImplementedError, "needs a method forward"),
        (lambda x: engine.nn.Linear(1, 1).load_state_dict([1]), TypeError, "dict of tensors"),
        (lambda x: engine.normal(0.0, -1.0, (2,)), RuntimeError, "std of at least 0"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_what_must_hold_and_what_came(wrong, kind, says):
    with pytest.raises(kind, match=says):
        wrong(engine.ones(2, 3))


def test_a_loss_of_shapes_that_are_broadcast_warns_in_both():
    for library in (engine, reference):
        with pytest.warns(UserWarning, match="broadcast"):
            library.nn.functional.mse_loss(library.ones(4, 1), library.ones(4))
