"""Export: a standard graph that gives the module's own numbers, at any batch size, or an error."""

import numpy as np
import onnx as onnx_library
import onnxruntime
import pytest

import learnt.engine as torch
from learnt.engine import nn
from learnt.engine.nn import functional as F


class Function(nn.Module):
    """A function as a module; with parameters if it was given layers."""

    def __init__(self, function, *layers: nn.Module) -> None:
        super().__init__()
        self.function, self.layers = function, nn.ModuleList(list(layers))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.function(x, *self.layers)


def used(model: nn.Module, *shape: int) -> nn.Module:
    """The module with running statistics that are not those it began with."""
    torch.manual_seed(0)
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm2d | nn.BatchNorm1d):
            nn.init.normal_(layer.weight, 1.0, 0.5)
            nn.init.normal_(layer.bias)
    for _ in range(3):
        model(torch.randn(8, *shape) * 2 + 1)
    return model


def check(model: nn.Module, *shape: int, tol: float = 1e-5) -> list[str]:
    """The exported graph is valid and gives the module's numbers; returns its operators."""
    proto = torch.onnx.export(model, torch.zeros(1, *shape))
    onnx_library.checker.check_model(proto, full_check=True)
    session = onnxruntime.InferenceSession(proto.SerializeToString())
    model.eval()
    for batch in (1, 3, 8):
        x = torch.randn(batch, *shape)
        (got,) = session.run(None, {"input": x.array})
        expected = model(x).array
        assert got.dtype == expected.dtype
        assert got.shape == expected.shape
        np.testing.assert_allclose(got, expected, rtol=10 * tol, atol=tol)
    return [node.op_type for node in proto.graph.node]


def block(before: int, after: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, after, 3, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU()
    )


def test_an_mlp_is_one_operator_a_layer():
    model = nn.Sequential(
        nn.Linear(5, 9), nn.ReLU(), nn.Dropout(), nn.Linear(9, 4), nn.Softmax(dim=1)
    )
    assert check(model, 5) == ["Gemm", "Relu", "Gemm", "Softmax"]


def test_a_convnets_batch_norm_is_folded_into_its_convolutions():
    head = nn.Sequential(nn.MaxPool2d(2), nn.Flatten(), nn.Linear(7 * 9, 3))
    model = used(nn.Sequential(block(2, 7), block(7, 7), head), 2, 6, 6)
    assert check(model, 2, 6, 6) == [
        "Conv", "Relu", "Conv", "Relu", "MaxPool", "Reshape", "Gemm",
    ]  # fmt: skip


def test_a_convolution_with_a_bias_and_groups_is_folded_too():
    model = nn.Sequential(nn.Conv2d(4, 8, 3, groups=2), nn.BatchNorm2d(8, eps=1e-2))
    assert check(used(model, 4, 5, 5), 4, 5, 5) == ["Conv"]


def test_a_residual_network_keeps_its_sum():
    model = Function(lambda x, a, b: (x + b(a(x))).relu().mean((2, 3)), block(3, 5), block(5, 3))
    assert check(used(model, 3, 6, 5), 3, 6, 5).count("Add") == 1


def test_a_convolution_that_is_also_used_without_its_batch_norm_is_not_folded():
    layers = nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)
    model = Function(lambda x, conv, norm: norm(conv(x)) + conv(x), *layers)
    assert "BatchNormalization" in check(used(model, 3, 4, 4), 3, 4, 4)

    def both(x: torch.Tensor, conv: nn.Module, norm: nn.Module) -> torch.Tensor:
        y = conv(x)
        return norm(y) + y

    model = Function(both, *layers)
    assert "BatchNormalization" in check(used(model, 3, 4, 4), 3, 4, 4)


def test_a_batch_norm_that_is_used_twice_is_right_both_times():
    layers = nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)
    model = Function(lambda x, a, b, norm: norm(b(norm(a(x)))), *layers)
    check(used(model, 3, 4, 4), 3, 4, 4)


def test_a_module_keeps_its_numbers_when_it_is_exported():
    model = used(nn.Sequential(block(2, 3), nn.Flatten(), nn.Linear(48, 2)), 2, 4, 4)
    before = {k: t.array.tobytes() for k, t in model.state_dict().items()}
    torch.onnx.export(model, torch.zeros(1, 2, 4, 4))
    assert {k: t.array.tobytes() for k, t in model.state_dict().items()} == before


@pytest.mark.parametrize("training", [True, False])
def test_training_mode_is_as_it_was_after_an_export_and_after_a_failed_one(training):
    def fail(x: torch.Tensor) -> torch.Tensor:
        raise KeyError

    model = nn.Sequential(nn.Linear(2, 2), nn.Dropout()).train(training)
    torch.onnx.export(model, torch.zeros(1, 2))
    assert all(m.training is training for m in model.modules())
    failing = nn.Sequential(nn.Linear(2, 2), Function(fail)).train(training)
    with pytest.raises(KeyError):
        torch.onnx.export(failing, torch.zeros(1, 2))
    assert all(m.training is training for m in failing.modules())


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (F.dropout, r"call .*eval"),
        (lambda x: F.batch_norm(x, None, None, training=True), r"call .*eval"),
        (lambda x: x + torch.arange(x.shape[0])[:, None], "size of the batch"),
        (lambda x: x * (1 / x.shape[0]), "size of the batch"),
        (lambda x: x * x.sum().item(), "leaves the tensors"),
        (lambda x: x if x.sum() > 0 else -x, "leaves the tensors"),
        (lambda x: x if x.shape[0] == 2 else -x, "another size of the batch"),
    ],
)
def test_what_cannot_be_exported_is_an_error_that_names_the_remedy(function, message):
    with pytest.raises(NotImplementedError, match=message):
        torch.onnx.export(Function(function), torch.zeros(1, 6))


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x - x.detach().amax(1, keepdim=True),
        lambda x: x - x.data.mean(),
        lambda x: (x > 0).float() * x + (x != x.amin(1, keepdim=True)).float(),
        lambda x: (x.argmax(1) == 2).float(),
        lambda x: x.long() / 2 + x,
        lambda x: x - x.var(0, correction=0),
        lambda x: x - x.var(0),
        lambda x: x - x.std(0),
        lambda x: x.unsqueeze(1).expand(-1, 4, -1),
        lambda x: x.reshape(x.shape[0], 2, 7, 1).expand(x.shape[0], 2, 7, 3),
        lambda x: x,
        lambda x: x[:, None],
        lambda x: x[:, torch.tensor([0, 2])],
        lambda x: x.reshape(2, x.shape[0], 7).sum(0),
        lambda x: x[:1].expand(x.shape[0], 14),
        lambda x: x + torch.zeros(x.shape[0], 14),
    ],
    ids=range(16),
)
def test_what_depends_on_the_input_is_part_of_the_graph(function):
    check(Function(function), 14)


@pytest.mark.parametrize("width", [7, 14, 49])
def test_a_network_as_wide_as_the_batch_that_is_traced_keeps_its_batch_free(width):
    def mix(x: torch.Tensor, layer: nn.Module) -> torch.Tensor:
        rows = layer(x.reshape(-1, width))  # (N·7, width)
        return rows.reshape(x.shape[0], 7 * width).flatten(1)

    check(Function(mix, nn.Linear(width, width)), 7, width)


def test_inputs_of_bytes_are_taken_as_bytes():
    model = Function(lambda x: (x.float() - 127.5) / 127.5)
    proto = torch.onnx.export(model, torch.zeros(1, 3, dtype=torch.uint8), input_names=["pictures"])
    session = onnxruntime.InferenceSession(proto.SerializeToString())
    x = np.array([[0, 128, 255]], np.uint8)
    (got,) = session.run(None, {"pictures": x})
    np.testing.assert_allclose(got, model(torch.tensor(x)).array, atol=1e-7)


def test_every_node_has_a_name_of_its_own() -> None:
    """ONNX Runtime 1.20 makes up equal names for what it fuses of nodes without, and refuses."""
    model = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2))
    names = [node.name for node in torch.onnx.export(model, torch.zeros(1, 4)).graph.node]
    assert all(names)
    assert len(set(names)) == len(names)
