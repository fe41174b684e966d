"""Pieces on several threads: the same numbers as on one, and the same every time."""

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

import learnt.engine as torch
from learnt.engine.nn import functional as F
from learnt.engine.threads import share


def step(stride: int) -> list[np.ndarray]:
    """The result of a convolution large enough for many pieces, and its gradients."""
    rng = np.random.default_rng(0)
    shapes = (32, 24, 28, 28), (32, 24, 3, 3), (32,)
    arrays = [rng.standard_normal(shape).astype(np.float32) for shape in shapes]
    x, w, b = (torch.tensor(array, requires_grad=True) for array in arrays)
    y = F.conv2d(x, w, b, stride, 1)
    (y * y).sum().backward()
    return [y.detach().numpy(), *(t.grad.numpy() for t in (x, w, b))]


@pytest.mark.parametrize("stride", [1, 2])
def test_two_threads_compute_what_one_does_and_the_same_every_time(stride):
    with threadpool_limits(1):
        alone = step(stride)
    with threadpool_limits(2):
        first, second = step(stride), step(stride)
    for a, b, c in zip(alone, first, second, strict=True):
        assert (b == c).all()
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4 * np.abs(a).max())


def test_every_piece_is_done_once_and_an_error_in_one_is_an_error():
    def note(own: list[int], number: int) -> None:
        own.append(number)

    with threadpool_limits(2):
        done = share(note, [(i,) for i in range(50)], list)
        assert sorted(n for own in done for n in own) == list(range(50))
        with pytest.raises(ZeroDivisionError):
            share(lambda own, n: 1 / (n - 49), [(i,) for i in range(50)], list)
        assert len(share(note, [(i,) for i in range(50)], list)) == len(done)
