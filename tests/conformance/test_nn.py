"""Every layer, built by the same line with the engine and with PyTorch, is the same layer."""

import inspect
import math
import re

import numpy as np
import pytest
import torch as reference  # noqa: TID251

import learnt.engine as torch
from learnt.engine import nn
from tests.conformance.compare import close, draw

LAYERS = {  # a line that makes the layer, and the shape of an input
    "linear": (lambda nn: nn.Linear(5, 3), (6, 5)),
    "linear without bias, on sequences": (lambda nn: nn.Linear(5, 3, bias=False), (2, 4, 5)),
    "conv": (lambda nn: nn.Conv2d(4, 6, 3), (2, 4, 7, 7)),
    "conv with all options": (
        lambda nn: nn.Conv2d(4, 6, (3, 2), (2, 1), (1, 0), (1, 2), 2, False),
        (2, 4, 7, 7),
    ),
    "batch norm": (lambda nn: nn.BatchNorm1d(5, eps=1e-3, momentum=0.3), (6, 5)),
    "batch norm of sequences": (lambda nn: nn.BatchNorm1d(5), (6, 5, 3)),
    "batch norm of pictures": (lambda nn: nn.BatchNorm2d(5), (3, 5, 4, 4)),
    "relu": (lambda nn: nn.ReLU(), (3, 4)),
    "relu6": (lambda nn: nn.ReLU6(), (3, 4)),
    "sigmoid": (lambda nn: nn.Sigmoid(), (3, 4)),
    "tanh": (lambda nn: nn.Tanh(), (3, 4)),
    "softmax": (lambda nn: nn.Softmax(dim=1), (3, 4)),
    "flatten": (lambda nn: nn.Flatten(), (3, 4, 2)),
    "flatten some": (lambda nn: nn.Flatten(0, 1), (3, 4, 2)),
    "identity": (lambda nn: nn.Identity(), (3, 4)),
    "max pool": (lambda nn: nn.MaxPool2d(3, 2, 1), (2, 3, 7, 7)),
    "average pool": (lambda nn: nn.AvgPool2d((2, 3), padding=(1, 0)), (2, 3, 7, 7)),
    "adaptive pool": (lambda nn: nn.AdaptiveAvgPool2d((1, 1)), (2, 3, 5, 4)),
    "nested": (
        lambda nn: nn.Sequential(
            nn.Conv2d(2, 4, 3, bias=False),
            nn.BatchNorm2d(4),
            nn.Sequential(nn.ReLU(), nn.Flatten()),
            nn.Linear(36, 3),
        ),
        (4, 2, 5, 5),
    ),
    "in a list": (lambda nn: nn.Sequential(*nn.ModuleList([nn.Linear(3, 3), nn.Tanh()])), (2, 3)),
    "batch norm without scale": (lambda nn: nn.BatchNorm2d(3, affine=False), (2, 3, 4, 4)),
    "batch norm without shift": (lambda nn: nn.BatchNorm1d(3, bias=False), (5, 3)),
    "batch norm by means": (lambda nn: nn.BatchNorm1d(3, momentum=None), (5, 3)),
    "batch norm of the batch alone": (
        lambda nn: nn.BatchNorm2d(3, track_running_stats=False),
        (2, 3, 4, 4),
    ),
    "group norm": (lambda nn: nn.GroupNorm(2, 6), (3, 6, 4, 4)),
    "group norm of two dimensions": (lambda nn: nn.GroupNorm(3, 6, eps=0.1), (3, 6)),
    "instance norm": (lambda nn: nn.InstanceNorm2d(3), (2, 3, 4, 4)),
    "instance norm with all options": (
        lambda nn: nn.InstanceNorm1d(3, 1e-3, 0.2, True, True),
        (2, 3, 5),
    ),
    "instance norm of one": (lambda nn: nn.InstanceNorm2d(3, affine=True), (3, 4, 4)),
    "layer norm": (lambda nn: nn.LayerNorm((4, 5)), (3, 4, 5)),
    "layer norm without shift": (lambda nn: nn.LayerNorm(5, bias=False), (3, 4, 5)),
    "RMS norm": (lambda nn: nn.RMSNorm(5, eps=1e-5), (3, 4, 5)),
    "prelu": (lambda nn: nn.PReLU(3), (2, 3, 4)),
    "upsample": (lambda nn: nn.Upsample(scale_factor=2), (2, 3, 4, 4)),
    "pad": (lambda nn: nn.ReflectionPad2d((1, 2, 0, 1)), (2, 3, 4, 4)),
    "constant pad": (lambda nn: nn.ConstantPad1d(2, 3.0), (2, 3, 4)),
    "softmax without a dimension": (lambda nn: nn.Softmax2d(), (2, 3, 4, 4)),
    "unflatten": (lambda nn: nn.Unflatten(1, (2, 3)), (4, 6)),
    "hardtanh": (lambda nn: nn.Hardtanh(-0.5, 0.5), (4, 6)),
    "local response norm": (lambda nn: nn.LocalResponseNorm(3), (2, 6, 4, 4)),
}
MADE = """ReLU(True), ReLU6(), Hardtanh(-2, 2, True), ELU(), ELU(.5, True), CELU(), SELU(True),
LeakyReLU(.2), GELU(), GELU('tanh'), SiLU(), Mish(True), Hardswish(), Hardswish(True), Softplus(),
Hardsigmoid(True), Softsign(), Tanh(), Sigmoid(), LogSigmoid(), Tanhshrink(), Softshrink(),
Hardshrink(.3), Threshold(1, 2), Threshold(1, 2, True), GLU(), Softmax(), LogSoftmax(dim=1),
Softmin(1), Softmax2d(), Dropout(), Dropout(.3, True), Dropout1d(.3), Dropout2d(), Identity(3, a=1),
Flatten(), Unflatten(1, (2, 3)), MaxPool1d(2), MaxPool2d((2, 3), ceil_mode=True), MaxPool2d(2, 1),
AvgPool1d(2), AvgPool2d((2, 1), 3), AdaptiveAvgPool1d(2), AdaptiveAvgPool2d((1, 1)),
AdaptiveMaxPool1d(1), AdaptiveMaxPool2d((None, 2)), Upsample(scale_factor=2), Upsample(4),
UpsamplingNearest2d(scale_factor=2), UpsamplingBilinear2d(4), PixelShuffle(2), PixelUnshuffle(2),
ConstantPad1d(2, 3.), ConstantPad2d(1, 2), ZeroPad1d(1), ZeroPad2d(1), ReflectionPad1d(1),
ReflectionPad2d((1, 2, 3, 4)), ReplicationPad1d(1), ReplicationPad2d(1), CircularPad1d(1),
CircularPad2d(1), LocalResponseNorm(2), CosineSimilarity(), PairwiseDistance(), CrossEntropyLoss(),
BCELoss(), BCEWithLogitsLoss(), NLLLoss(), MSELoss(), L1Loss(), SmoothL1Loss(), HuberLoss(),
KLDivLoss(), TripletMarginLoss(), GaussianNLLLoss(), Linear(2, 3), Linear(2, 3, False),
Bilinear(2, 3, 4), Embedding(3, 4), Embedding(3, 4, 0), Embedding(3, 4, 2, 2., 3., sparse=True),
EmbeddingBag(3, 4), EmbeddingBag(3, 4, padding_idx=1, mode='sum'), PReLU(), BatchNorm1d(3),
BatchNorm2d(3, affine=False), BatchNorm2d(3, bias=False), GroupNorm(2, 4), LayerNorm(3),
LayerNorm((2, 3), bias=False), RMSNorm(3), InstanceNorm1d(3), InstanceNorm2d(3, affine=True)"""


def pair(name):
    """The layer in the engine with PyTorch's weights, PyTorch's own, and an input."""
    make, shape = LAYERS[name]
    reference.manual_seed(0)
    theirs, ours = make(reference.nn), make(nn)
    ours.load_state_dict({k: torch.from_numpy(v.numpy()) for k, v in theirs.state_dict().items()})
    return ours, theirs, draw(*shape)


def test_layers_of_two_inputs_or_of_whole_numbers_are_pytorchs():
    reference.manual_seed(0)
    makers = {
        "bilinear": (lambda nn: nn.Bilinear(3, 4, 2), [draw(5, 3), draw(5, 4)]),
        "embedding": (lambda nn: nn.Embedding(6, 4, padding_idx=2), [np.array([[1, 2], [5, 1]])]),
        "embedding by count": (
            lambda nn: nn.Embedding(6, 4, scale_grad_by_freq=True),
            [np.array([1, 1, 3])],
        ),
        "short embedding": (lambda nn: nn.Embedding(6, 4, max_norm=1.0), [np.array([1, 1, 3])]),
        "bag": (lambda nn: nn.EmbeddingBag(6, 4, mode="max"), [np.array([[1, 2], [5, 1]])]),
        "bags": (
            lambda nn: nn.EmbeddingBag(6, 4, padding_idx=0),
            [np.array([1, 0, 3, 0]), np.array([0, 3, 3])],
        ),
    }
    for name, (make, inputs) in makers.items():
        theirs, ours = make(reference.nn), make(nn)
        state = {k: torch.tensor(v.numpy()) for k, v in theirs.state_dict().items()}
        ours.load_state_dict(state)
        result = ours(*map(torch.tensor, inputs))
        expected = theirs(*map(reference.tensor, inputs))
        close(result.array, expected.detach().numpy(), 1e-6)
        weights = draw(*expected.shape, seed=1)
        result.backward(torch.tensor(weights))
        expected.backward(reference.tensor(weights))
        for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
            close(p.grad.array, q.grad.numpy(), 1e-5), name
            close(p.array, q.detach().numpy(), 1e-6)
    frozen = nn.Embedding.from_pretrained(torch.ones(3, 2))
    assert not frozen.weight.requires_grad
    assert frozen(torch.tensor([2])).tolist() == [[1, 1]]


def agree_once(ours, theirs, x):
    """One pass forward and back: the same result, and the same gradients everywhere."""
    our_x, their_x = torch.tensor(x, requires_grad=True), reference.tensor(x, requires_grad=True)
    result, expected = ours(our_x), theirs(their_x)
    close(result.array, expected.detach().numpy(), 1e-5)
    weights = draw(*expected.shape, seed=1)
    result.backward(torch.tensor(weights))
    expected.backward(reference.tensor(weights))
    close(our_x.grad.array, their_x.grad.numpy(), 1e-5)
    for (name, p), (their_name, q) in zip(
        ours.named_parameters(), theirs.named_parameters(), strict=True
    ):
        assert name == their_name
        close(p.grad.array, q.grad.numpy(), 1e-5)


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_has_pytorchs_names_and_shapes_in_its_order(name):
    ours, theirs, _ = pair(name)
    expected = [(k, tuple(v.shape)) for k, v in theirs.state_dict().items()]
    assert [(k, v.shape) for k, v in ours.state_dict().items()] == expected
    for names in ("named_parameters", "named_buffers", "named_modules", "named_children"):
        assert [k for k, _ in getattr(ours, names)()] == [k for k, _ in getattr(theirs, names)()]


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_has_pytorchs_results_and_gradients_in_training_and_outside(name):
    ours, theirs, x = pair(name)
    for mode in (True, False):
        ours.train(mode)
        theirs.train(mode)
        ours.requires_grad_()
        for p in (*ours.parameters(), *theirs.parameters()):
            p.grad = None
        agree_once(ours, theirs, x)


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_begins_in_training_and_its_mode_reaches_all_below(name):
    ours, _, _ = pair(name)
    assert all(m.training for m in ours.modules())
    assert not any(m.training for m in ours.eval().modules())
    assert all(m.training for m in ours.train().modules())


@pytest.mark.parametrize(
    "name",
    [n for n, v in vars(nn).items() if isinstance(v, type) and n not in ("Module", "Parameter")]
    + ["SGD", "Adam", "AdamW"],
)
def test_the_defaults_of_every_layer_and_optimiser_are_pytorchs(name):
    here, there = (nn, reference.nn) if hasattr(nn, name) else (torch.optim, reference.optim)
    ours = inspect.signature(getattr(here, name)).parameters
    theirs = inspect.signature(getattr(there, name)).parameters
    if "kwargs" in theirs:
        return  # then PyTorch's own does not tell
    for parameter in ours.values():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        assert parameter.name in theirs
        default, expected = parameter.default, theirs[parameter.name].default
        same = default == expected or getattr(default, "__name__", 0) == expected.__name__
        assert same, parameter.name


@pytest.mark.parametrize(
    "made", [line.strip(",") for line in re.split(r"(?<=\)),\s(?=[A-Z])", MADE)]
)
def test_a_layer_shows_itself_as_pytorchs_does(made):
    assert repr(eval(f"nn.{made}")) == repr(eval(f"nn.{made}", {"nn": reference.nn}))


def test_a_layer_that_is_a_function_follows_its_attributes_and_keeps_its_weights_as_buffers():
    x = torch.tensor([-1.0, 2.0])
    layer = nn.LeakyReLU(0.5)
    layer.negative_slope = 0.25
    assert layer(x).tolist() == [-0.25, 2.0]
    assert nn.ReLU(inplace=True)(x) is x
    assert x.tolist() == [0.0, 2.0]
    loss = nn.CrossEntropyLoss(torch.tensor([1.0, 3.0]))
    assert list(loss.state_dict()) == ["weight"]
    given = {"input": torch.zeros(2, 2), "target": torch.tensor([0, 1])}
    assert loss(**given).item() == pytest.approx(math.log(2))
    with pytest.raises(TypeError, match="kernel_size"):
        nn.MaxPool2d()


@pytest.mark.parametrize(
    "name",
    ["batch norm", "batch norm of sequences", "batch norm of pictures", "batch norm by means"],
)
def test_running_statistics_are_pytorchs_after_several_steps(name):
    ours, theirs, x = pair(name)
    for seed in range(5):
        x = draw(*x.shape, seed=seed) * (seed + 1) + seed
        ours(torch.tensor(x))
        theirs(reference.tensor(x))
    for key, value in theirs.state_dict().items():
        close(ours.state_dict()[key].array, value.numpy(), 1e-6)
    assert ours.num_batches_tracked.item() == 5
    close(
        ours.eval()(torch.tensor(x)).array,
        theirs.eval()(reference.tensor(x)).detach().numpy(),
        1e-5,
    )


def test_evaluation_does_not_change_the_running_statistics():
    layer = nn.BatchNorm1d(3).eval()
    layer(torch.randn(8, 3))
    assert layer.running_mean.tolist() == [0, 0, 0]
    assert layer.num_batches_tracked.item() == 0


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_dropout_zeroes_the_share_it_is_told_and_keeps_the_mean(p):
    torch.manual_seed(0)
    x = torch.ones(200, 500, requires_grad=True)
    y = nn.Dropout(p)(x)
    assert (y.array == 0).mean() == pytest.approx(p, abs=0.01)
    assert np.unique(y.array).tolist() == pytest.approx([0, 1 / (1 - p)])
    assert y.array.mean() == pytest.approx(1, abs=0.03)
    y.sum().backward()
    assert (x.grad.array == y.array).all()


def test_dropout_of_nothing_of_everything_and_outside_training_is_pytorchs():
    x = torch.ones(4, 4)
    assert nn.Dropout(0.0)(x).tolist() == nn.Dropout(0.9).eval()(x).tolist() == x.tolist()
    assert nn.Dropout(1.0)(x).tolist() == (x * 0).tolist()
    with pytest.raises(ValueError, match="between 0 and 1"):
        nn.Dropout(1.5)(x)


@pytest.mark.parametrize(
    ("make", "fan_in"),
    [
        (lambda nn: nn.Linear(64, 500), 64),
        (lambda nn: nn.Conv2d(16, 200, 3), 144),
        (lambda nn: nn.Conv2d(16, 400, 3, groups=4), 36),
    ],
)
def test_weights_and_biases_begin_evenly_spread_within_pytorchs_bounds(make, fan_in):
    torch.manual_seed(0)
    bound = 1 / math.sqrt(fan_in)  # kaiming_uniform with a = √5
    for layer in (make(nn), make(reference.nn)):
        for p in layer.parameters():
            values = p.detach().numpy()
            assert np.abs(values).max() <= bound
            assert np.abs(values).max() > 0.97 * bound
            assert values.std() == pytest.approx(bound / math.sqrt(3), rel=0.07)


@pytest.mark.parametrize("a", [0.0, math.sqrt(5)])
@pytest.mark.parametrize("name", ["kaiming_uniform_", "kaiming_normal_"])
def test_the_kaiming_starts_have_pytorchs_spread(name, a):
    torch.manual_seed(0)
    reference.manual_seed(0)
    ours = getattr(nn.init, name)(torch.zeros(100, 20, 3, 3), a)
    theirs = getattr(reference.nn.init, name)(reference.zeros(100, 20, 3, 3), a)
    assert ours.array.std() == pytest.approx(theirs.std().item(), rel=0.02)


def test_shared_parameters_and_modules_are_listed_once_and_saved_under_each_name():
    def tied(nn):
        first, second = nn.Linear(3, 3), nn.Linear(3, 3)
        second.weight = first.weight
        return nn.Sequential(first, nn.Sequential(second), first)

    ours, theirs = tied(nn), tied(reference.nn)
    assert [k for k, _ in ours.named_parameters()] == [k for k, _ in theirs.named_parameters()]
    assert [k for k, _ in ours.named_modules()] == [k for k, _ in theirs.named_modules()]
    assert list(ours.state_dict()) == list(theirs.state_dict())


def test_wrong_names_and_shapes_in_a_state_are_errors_that_name_them():
    layer = nn.Linear(2, 2)
    with pytest.raises(RuntimeError, match=r"(?s)Missing.*\['bias'\].*Unexpected.*\['scale'\]"):
        layer.load_state_dict({"weight": torch.zeros(2, 2), "scale": torch.ones(1)})
    with pytest.raises(RuntimeError, match=r"bias.* must have shape \(2,\); got \(3,\)"):
        layer.load_state_dict({"weight": torch.zeros(2, 2), "bias": torch.ones(3)})
    layer.load_state_dict({"weight": torch.zeros(2, 2), "scale": torch.ones(1)}, strict=False)
    assert layer.weight.tolist() == [[0, 0], [0, 0]]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: nn.Linear(3, 2)(torch.ones(4, 5)), r"last dimension is 3.*\(4, 5\)"),
        (lambda: nn.Conv2d(3, 2, 3)(torch.ones(1, 4, 8, 8)), r"\(1, 4, 8, 8\) and \(2, 3, 3, 3\)"),
        (lambda: nn.Conv2d(3, 2, 5)(torch.ones(1, 3, 4, 4)), r"as large as its kernel"),
        (lambda: nn.Conv2d(3, 2, 1, stride=0)(torch.ones(1, 3, 4, 4)), "at least 1"),
        (lambda: nn.Conv2d(3, 2, 1, padding=-1)(torch.ones(1, 3, 4, 4)), "at least 0"),
        (lambda: nn.Conv2d(3, 2, 2, dilation=-1)(torch.ones(1, 3, 4, 4)), "at least 1"),
        (lambda: nn.MaxPool2d(2, 1, 2)(torch.ones(1, 3, 4, 4)), "half (its|the) kernel"),
        (lambda: nn.BatchNorm2d(3)(torch.ones(2, 4, 2, 2)), r"3 channels second.*\(2, 4, 2, 2\)"),
        (lambda: nn.BatchNorm1d(3)(torch.ones(2, 3, 2, 2)), r"2 or 3 dimensions"),
        (lambda: nn.CrossEntropyLoss()(torch.ones(2, 3), torch.ones(2)), "whole numbers"),
        (lambda: nn.functional.pad(torch.ones(2), (1,)), "two numbers a dimension"),
    ],
)
def test_what_does_not_fit_a_layer_is_an_error_that_says_what_must_hold_and_what_came(
    wrong, message
):
    with pytest.raises(RuntimeError, match=message):
        wrong()


def test_options_that_do_not_exist_are_errors_as_in_pytorch():
    for library in (torch, reference):
        x, y = library.ones(2, 3), library.tensor([0, 2])
        with pytest.raises(ValueError, match=r"divisible|got"):
            library.nn.Conv2d(3, 4, 1, groups=2)
        with pytest.raises(ValueError, match=r"average"):
            library.nn.functional.cross_entropy(x, y, reduction="average")
        with pytest.raises(ValueError, match=r"more than 1|more than one"):
            library.nn.BatchNorm1d(3)(x[:1])
        with pytest.raises(IndexError):
            library.nn.functional.cross_entropy(x, library.tensor([0, 3]))
    with pytest.raises(NotImplementedError, match="reflect"):
        nn.functional.pad(torch.ones(2), (1, 1), "reflect")
