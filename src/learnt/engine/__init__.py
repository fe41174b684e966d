"""The engine: tensors, layers, back-propagation and SGD in NumPy, with PyTorch's names.

`import learnt.engine as torch` reads like PyTorch. Read it in this order: `op.py`, `autograd/`,
`ops/` (begin with `pointwise.py`), `tensor.py`, `nn/module.py`, `nn/linear.py`, `optim/sgd.py`.
This file is the index of `torch.…`.
"""

from typing import TYPE_CHECKING

import numpy as np

from learnt.engine import autograd, linalg, nn, onnx, optim, utils
from learnt.engine.autograd import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    no_grad,
    set_grad_enabled,
)
from learnt.engine.base import Size
from learnt.engine.creation import (
    BoolTensor,
    ByteTensor,
    DoubleTensor,
    FloatTensor,
    IntTensor,
    LongTensor,
    arange,
    as_tensor,
    bernoulli,
    empty,
    empty_like,
    eye,
    from_numpy,
    full,
    full_like,
    get_default_dtype,
    is_floating_point,
    is_tensor,
    linspace,
    multinomial,
    normal,
    numel,
    ones,
    ones_like,
    rand,
    rand_like,
    randint,
    randint_like,
    randn,
    randn_like,
    randperm,
    set_default_dtype,
    tensor,
    zeros,
    zeros_like,
)
from learnt.engine.device import backends, cuda, device
from learnt.engine.gradcheck import gradcheck
from learnt.engine.missing import missing
from learnt.engine.ops.activation import (
    celu,
    dropout,
    hardshrink,
    log_softmax,
    prelu,
    relu,
    relu_,
    selu,
    softmax,
    threshold,
)
from learnt.engine.ops.arithmetic import (
    add,
    addcdiv,
    addcmul,
    allclose,
    bitwise_and,
    bitwise_or,
    bitwise_xor,
    clamp,
    clamp_max,
    clamp_min,
    div,
    eq,
    equal,
    floor_divide,
    fmod,
    ge,
    gt,
    isclose,
    le,
    lerp,
    logaddexp,
    logical_and,
    logical_or,
    logical_xor,
    lt,
    maximum,
    minimum,
    mul,
    ne,
    pow,
    remainder,
    rsub,
    sub,
    where,
    xlogy,
)
from learnt.engine.ops.conv import conv1d, conv2d, conv_transpose1d, conv_transpose2d
from learnt.engine.ops.gelu import erf
from learnt.engine.ops.index import (
    argwhere,
    broadcast_shapes,
    gather,
    index_add,
    index_copy,
    index_fill,
    index_put,
    index_select,
    masked_fill,
    masked_scatter,
    masked_select,
    nonzero,
    scatter,
    scatter_add,
    take,
    take_along_dim,
)  # fmt: skip
from learnt.engine.ops.linear import matmul
from learnt.engine.ops.norm import cdist, cosine_similarity, pairwise_distance
from learnt.engine.ops.pointwise import (
    abs,
    acos,
    asin,
    atan,
    bitwise_not,
    ceil,
    cos,
    cosh,
    exp,
    exp2,
    expm1,
    floor,
    isfinite,
    isinf,
    isnan,
    log,
    log1p,
    log2,
    log10,
    logical_not,
    neg,
    reciprocal,
    round,
    rsqrt,
    sigmoid,
    sign,
    sin,
    sinh,
    sqrt,
    square,
    tan,
    tanh,
    trunc,
)
from learnt.engine.ops.pool import (
    adaptive_avg_pool1d,
    avg_pool1d,
    max_pool1d,
    max_pool2d,
)
from learnt.engine.ops.products import (
    addbmm,
    addmm,
    addmv,
    baddbmm,
    bmm,
    dot,
    einsum,
    inner,
    mm,
    mv,
    outer,
    tensordot,
)
from learnt.engine.ops.rearrange import (
    chunk,
    diag,
    diag_embed,
    diagonal,
    flip,
    narrow,
    repeat_interleave,
    roll,
    select,
    split,
    tile,
    tril,
    triu,
    unbind,
)  # fmt: skip
from learnt.engine.ops.reduce import (
    all,
    amax,
    amin,
    any,
    argmax,
    argmin,
    count_nonzero,
    cumprod,
    cumsum,
    logsumexp,
    max,
    mean,
    min,
    norm,
    prod,
    std,
    std_mean,
    sum,
    var,
    var_mean,
)
from learnt.engine.ops.resize import channel_shuffle, pixel_shuffle, pixel_unshuffle
from learnt.engine.ops.shape import (
    adjoint,
    broadcast_tensors,
    broadcast_to,
    cat,
    concat,
    concatenate,
    flatten,
    hstack,
    meshgrid,
    moveaxis,
    movedim,
    permute,
    ravel,
    reshape,
    squeeze,
    stack,
    swapaxes,
    swapdims,
    t,
    transpose,
    unflatten,
    unsqueeze,
    vstack,
)  # fmt: skip
from learnt.engine.ops.sort import argsort, bincount, sort, topk, unique
from learnt.engine.random import (
    Generator,
    default_generator,
    get_rng_state,
    initial_seed,
    manual_seed,
    seed,
    set_rng_state,
)
from learnt.engine.serial import load, save
from learnt.engine.tensor import Tensor
from learnt.engine.threads import get_num_threads, set_num_threads

subtract, multiply, divide, true_divide = sub, mul, div, div
absolute, negative, clip = abs, neg, clamp

float32 = float = np.dtype("float32")
float64 = double = np.dtype("float64")
int64 = long = np.dtype("int64")
int32 = int = np.dtype("int32")
uint8 = np.dtype("uint8")
bool = np.dtype("bool")

__version__ = "2.13.0+learnt"  # whose names and answers these are
inf, nan, pi, e = np.inf, np.nan, np.pi, np.e
finfo, iinfo, dtype = np.finfo, np.iinfo, np.dtype

if not TYPE_CHECKING:  # a type checker shall complain of these names, too
    __getattr__ = missing("torch")
