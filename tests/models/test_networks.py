"""The networks' shapes: padding as TensorFlow's, and heads and convnets for any picture."""

import numpy as np
import pytest
import torch as reference  # noqa: TID251

import learnt.engine as torch
from learnt.engine import nn
from learnt.models.convnet import convnet
from learnt.models.efficientnet import EfficientNetLite0, InvertedResidual, SameConv2d
from learnt.models.head import head


def tensorflow_same(size: int, kernel: int, stride: int) -> tuple[int, int, int]:
    """Output size and padding before and after: "Neural Network" page of TensorFlow's guide."""
    out = -(-size // stride)
    left_over = kernel - stride if size % stride == 0 else kernel - size % stride
    total = max(left_over, 0)
    return out, total // 2, total - total // 2


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("kernel", [1, 2, 3, 5])
@pytest.mark.parametrize("size", [(7, 7), (8, 8), (7, 8), (12, 9), (5, 6), (3, 2)], ids=str)
def test_same_padding_is_tensorflows_for_odd_and_even_sizes(size, kernel, stride):
    layer = SameConv2d(2, 3, kernel, stride)
    x = np.random.default_rng(0).standard_normal((2, 2, *size)).astype(np.float32)
    (h, top, bottom), (w, left, right) = (tensorflow_same(n, kernel, stride) for n in size)
    padded = reference.nn.functional.pad(reference.tensor(x), (left, right, top, bottom))
    weights = (reference.tensor(p.detach().numpy()) for p in (layer.weight, layer.bias))
    expected = reference.nn.functional.conv2d(padded, *weights, stride=stride)
    got = layer(torch.tensor(x))
    assert got.shape == (2, 3, h, w)
    np.testing.assert_allclose(got.array, expected.numpy(), atol=1e-5)


def test_a_residual_block_adds_its_input_only_where_the_shapes_allow():
    x = torch.randn(2, 8, 6, 6)
    for after, stride, added in ((8, 1, True), (8, 2, False), (12, 1, False)):
        block = InvertedResidual(8, after, 3, stride, 6).eval()
        nn.init.zeros_(block.project_norm.weight)  # the block itself gives 0
        y = block(x)
        assert y.shape == (2, after, 6 // stride, 6 // stride)
        assert (y.array == (x.array if added else 0)).all()


@pytest.mark.parametrize("size", [32, 33, 64])
def test_efficientnet_gives_features_and_scores_for_any_size(size):
    network = EfficientNetLite0(classes=5).eval()
    with torch.no_grad():
        x = torch.zeros(1, 3, size, size)
        assert network.features(x).shape == (1, 1280)
        assert network(x).shape == (1, 5)


@pytest.mark.parametrize("size", [7, 8, 13, 28, 32, 33])
@pytest.mark.parametrize("channels", [1, 3])
def test_the_convnet_gives_a_score_a_class_for_any_size(size, channels):
    model = convnet(4, channels, size, mean=100.0, std=50.0)
    pictures = np.random.default_rng(0).integers(0, 256, (3, channels, size, size), np.uint8)
    scores = model(torch.tensor(pictures))
    assert scores.shape == (3, 4)
    assert scores.dtype == torch.float32
    scores.sum().backward()
    assert all(p.grad is not None for p in model.parameters())


def test_the_convnet_of_digits_has_as_many_parameters_as_its_docstring_says():
    assert sum(p.numel() for p in convnet(10, 1, 28, 0, 1).parameters()) == 7_994


def test_the_convnet_refuses_pictures_that_are_too_small_and_takes_flat_ones():
    with pytest.raises(ValueError, match="at least 7 pixels; got 6"):
        convnet(2, 1, 6, 0, 1)
    flat = convnet(2, 1, 8, mean=0.0, std=0.0).eval()
    assert np.isfinite(flat(torch.zeros(1, 1, 8, 8)).array).all()


@pytest.mark.parametrize(("features", "classes"), [(1280, 2), (384, 1_000), (1, 3)])
def test_the_head_takes_features_and_gives_a_score_a_class(features, classes):
    model = head(features, classes)
    x = torch.randn(4, features)
    assert model(x).shape == (4, classes)
    assert model.eval()(x[:1]).shape == (1, classes)
    assert model(x).tolist() == model(x).tolist()
