"""Modules that are a function with its options kept: activations, pools, paddings, losses, …

A table of them: `ELU = module("ELU", elu)` has the options of `elu` as attributes, the signature
and the `repr` that PyTorch's has, and calls it.
"""

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

from learnt.engine.nn.module import Module
from learnt.engine.ops import activation, loss, norm, pointwise, pool, resize
from learnt.engine.ops.gelu import gelu
from learnt.engine.ops.pad import pad
from learnt.engine.ops.shape import flatten, unflatten
from learnt.engine.tensor import Tensor

INPUTS = {
    "input", "target", "x1", "x2", "input1", "input2", "anchor", "positive", "negative", "var",
}  # fmt: skip
HIDDEN = {"training", "_stacklevel", "dtype"}  # options of a function that its module has not
BUFFERS = {"weight", "pos_weight"}
Convert = dict[str, Callable[[Any], Any]]
Shows = str | Callable[[Any], str] | None


class FunctionModule(Module):
    """A function and its options, each an attribute."""

    __signature__: ClassVar[inspect.Signature]
    convert: ClassVar[Convert]
    shows: ClassVar[Shows]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()
        given = self.__signature__.bind(*args, **kwargs)
        given.apply_defaults()
        if given.arguments.get("stride", 0) is None:
            given.arguments["stride"] = given.arguments["kernel_size"]
        for name, value in given.arguments.items():
            if name in BUFFERS:
                self.register_buffer(name, value)
            else:
                setattr(self, name, self.convert[name](value) if name in self.convert else value)

    def extra_repr(self) -> str:
        """The options, as PyTorch tells them."""
        shows, own = type(self).shows, vars(self)
        if shows is not None:
            return shows.format(**own) if isinstance(shows, str) else shows(self)
        told = [f"{n}={own[n]!r}" for n in self.__signature__.parameters if n != "inplace"]
        return ", ".join(told + ["inplace=True"] * bool(own.get("inplace")))


def module(
    name: str, function: Callable[..., Any], options: str | None = None, shows: Shows = None,
    convert: Convert | None = None, fixed: dict[str, Any] | None = None, **defaults: Any,
) -> type[FunctionModule]:  # fmt: skip
    """The module of a function, from its row in the table.

    `options` are those that the module has, in PyTorch's order; `defaults` are others than the
    function's, and what is `fixed` is always so. `shows` is what `repr` tells.
    """
    known = inspect.signature(function).parameters
    names = [n for n in known if n not in INPUTS]
    wanted = [n for n in known if n in INPUTS]
    own = [n for n in names if n not in HIDDEN] if options is None else options.split()
    passed = [n for n in names if n in own or n == "training"]
    by_place = not fixed and passed == names[: len(passed)]
    constant = fixed or {}

    def forward(self: Module, *inputs: Any, **given: Any) -> Any:
        values = vars(self)
        if len(inputs) + len(given) != len(wanted):
            raise TypeError(f"{name} takes {wanted}; got {len(inputs) + len(given)} of them")
        if by_place and not given:
            return function(*inputs, *[values[n] for n in passed])
        return function(*inputs, **given, **{n: values[n] for n in passed}, **constant)

    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    signature = inspect.Signature(
        [inspect.Parameter(n, kind, default=defaults.get(n, known[n].default)) for n in own]
    )
    parts = {"forward": forward, "shows": shows, "convert": convert or {}, **constant}
    says = (function.__doc__ or "").partition("\n")[0]
    parts |= {"__signature__": signature, "__module__": __name__, "__doc__": says}
    made: Any = type(name, (FunctionModule,), parts)
    return made  # type: ignore[no-any-return]


def padded(name: str, mode: str, **options: Any) -> tuple[type[FunctionModule], ...]:
    """The two modules that pad sequences and pictures by a mode."""

    def function(input: Tensor, padding: Any, value: float = 0.0) -> Tensor:
        return pad(input, padding, mode, value)

    function.__doc__ = f"{mode.capitalize()} elements around; `padding` is one number, or a side's."

    def sides(n: int) -> Convert:
        return {"padding": lambda p: (p,) * n if isinstance(p, int) else tuple(p)}

    shown = {"options": "padding", "shows": "{padding}", **options}
    return tuple(module(f"{name}{n}d", function, convert=sides(2 * n), **shown) for n in (1, 2))


def _upsampled(m: Any) -> str:
    size = f"scale_factor={m.scale_factor}" if m.size is None else f"size={m.size}"
    return f"{size}, mode={m.mode!r}"


def _single(value: Any) -> Any:
    return (value,) if isinstance(value, int) else value


def _floats(value: Any) -> Any:
    if value is None:
        return None
    return tuple(map(float, value)) if isinstance(value, tuple) else float(value)


def _unflatten(input: Tensor, dim: int, unflattened_size: Any) -> Tensor:
    """One dimension as several."""
    return unflatten(input, dim, unflattened_size)


def _softmax2d(input: Tensor) -> Tensor:
    """Softmax over the channels of (N, C, H, W) or (C, H, W)."""
    if input.array.ndim not in (3, 4):
        raise ValueError(f"Softmax2d needs 3 or 4 dimensions; got {input.array.shape}")
    return activation.softmax(input, -3)


# fmt: off
ReLU, ReLU6 = module("ReLU", activation.relu), module("ReLU6", activation.relu6)
Hardtanh = module("Hardtanh", activation.hardtanh)
ELU, CELU = module("ELU", activation.elu), module("CELU", activation.celu)
SELU, GELU = module("SELU", activation.selu), module("GELU", gelu)
LeakyReLU = module("LeakyReLU", activation.leaky_relu)
SiLU, Mish = module("SiLU", activation.silu), module("Mish", activation.mish)
Hardswish = module("Hardswish", activation.hardswish, shows="")
Hardsigmoid = module("Hardsigmoid", activation.hardsigmoid, shows="")
Sigmoid, Tanh = module("Sigmoid", pointwise.sigmoid), module("Tanh", pointwise.tanh)
Softplus = module("Softplus", activation.softplus)
Softsign = module("Softsign", activation.softsign)
LogSigmoid = module("LogSigmoid", activation.logsigmoid)
Tanhshrink = module("Tanhshrink", activation.tanhshrink)
Softshrink = module("Softshrink", activation.softshrink, shows="{lambd}")
Hardshrink = module("Hardshrink", activation.hardshrink, shows="{lambd}")
Threshold, GLU = module("Threshold", activation.threshold), module("GLU", activation.glu)
Softmax, Softmin = module("Softmax", activation.softmax), module("Softmin", activation.softmin)
LogSoftmax = module("LogSoftmax", activation.log_softmax)
Softmax2d = module("Softmax2d", _softmax2d)

dropped = "p={p}, inplace={inplace}"
Dropout = module("Dropout", activation.dropout, shows=dropped)
Dropout1d = module("Dropout1d", activation.dropout1d, shows=dropped)
Dropout2d = module("Dropout2d", activation.dropout2d, shows=dropped)

Flatten = module("Flatten", flatten, start_dim=1)
Unflatten = module("Unflatten", _unflatten)
most = "kernel_size stride padding dilation return_indices ceil_mode"
windows = "kernel_size={kernel_size}, stride={stride}, padding={padding}"
MaxPool1d, MaxPool2d = (
    module(f"MaxPool{n}d", f, most, windows + ", dilation={dilation}, ceil_mode={ceil_mode}")
    for n, f in ((1, pool.max_pool1d), (2, pool.max_pool2d)))
AvgPool1d = module("AvgPool1d", pool.avg_pool1d,
    "kernel_size stride padding ceil_mode count_include_pad", windows,
    {"kernel_size": _single, "stride": _single, "padding": _single})
AvgPool2d = module("AvgPool2d", pool.avg_pool2d, shows=windows)
parts = "output_size={output_size}"
AdaptiveAvgPool1d = module("AdaptiveAvgPool1d", pool.adaptive_avg_pool1d, shows=parts)
AdaptiveAvgPool2d = module("AdaptiveAvgPool2d", pool.adaptive_avg_pool2d, shows=parts)
AdaptiveMaxPool1d = module("AdaptiveMaxPool1d", pool.adaptive_max_pool1d, shows=parts)
AdaptiveMaxPool2d = module("AdaptiveMaxPool2d", pool.adaptive_max_pool2d, shows=parts)

up = partial(module, function=resize.interpolate, shows=_upsampled,
    convert={"scale_factor": _floats})
Upsample = up("Upsample", options="size scale_factor mode align_corners recompute_scale_factor")
UpsamplingNearest2d = up("UpsamplingNearest2d", options="size scale_factor",
    fixed={"mode": "nearest"})
UpsamplingBilinear2d = up("UpsamplingBilinear2d", options="size scale_factor",
    fixed={"mode": "bilinear", "align_corners": True})
PixelShuffle = module("PixelShuffle", resize.pixel_shuffle)
PixelUnshuffle = module("PixelUnshuffle", resize.pixel_unshuffle)
ConstantPad1d, ConstantPad2d = padded("ConstantPad", "constant", options="padding value",
    shows="padding={padding}, value={value}", value=inspect.Parameter.empty)
ZeroPad1d, ZeroPad2d = padded("ZeroPad", "constant")
ReflectionPad1d, ReflectionPad2d = padded("ReflectionPad", "reflect")
ReplicationPad1d, ReplicationPad2d = padded("ReplicationPad", "replicate")
CircularPad1d, CircularPad2d = padded("CircularPad", "circular")
LocalResponseNorm = module("LocalResponseNorm", norm.local_response_norm,
    shows="{size}, alpha={alpha}, beta={beta}, k={k}")
CosineSimilarity = module("CosineSimilarity", norm.cosine_similarity, shows="")
PairwiseDistance = module("PairwiseDistance", norm.pairwise_distance, shows="")

old = "size_average reduce reduction"
CrossEntropyLoss = module("CrossEntropyLoss", loss.cross_entropy, shows="")
NLLLoss = module("NLLLoss", loss.nll_loss, shows="")
BCELoss = module("BCELoss", loss.binary_cross_entropy, shows="")
BCEWithLogitsLoss = module("BCEWithLogitsLoss", loss.binary_cross_entropy_with_logits, shows="")
MSELoss, L1Loss = module("MSELoss", loss.mse_loss, old, ""), module("L1Loss", loss.l1_loss, old, "")
SmoothL1Loss = module("SmoothL1Loss", loss.smooth_l1_loss, shows="")
HuberLoss = module("HuberLoss", loss.huber_loss, "reduction delta", "")
KLDivLoss = module("KLDivLoss", loss.kl_div, shows="")
CosineEmbeddingLoss = module("CosineEmbeddingLoss", loss.cosine_embedding_loss, shows="")
MarginRankingLoss = module("MarginRankingLoss", loss.margin_ranking_loss, shows="")
HingeEmbeddingLoss = module("HingeEmbeddingLoss", loss.hinge_embedding_loss, shows="")
SoftMarginLoss = module("SoftMarginLoss", loss.soft_margin_loss, shows="")
PoissonNLLLoss = module("PoissonNLLLoss", loss.poisson_nll_loss, shows="")
GaussianNLLLoss = module("GaussianNLLLoss", loss.gaussian_nll_loss, shows="")
TripletMarginLoss = module("TripletMarginLoss", loss.triplet_margin_loss, shows="")
# fmt: on
