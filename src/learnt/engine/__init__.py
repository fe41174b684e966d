"""The engine: tensors, layers, back-propagation and SGD in NumPy, with PyTorch's names.

`import learnt.engine as torch` reads like PyTorch. Read it in this order: `op.py`, `autograd/`,
`ops/` (begin with `pointwise.py`), `tensor.py`, `nn/module.py`, `nn/linear.py`, `optim/sgd.py`.
This file is the index of `torch.…`.
"""

import numpy as np

from learnt.engine import autograd, nn, onnx, optim
from learnt.engine.autograd import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    no_grad,
    set_grad_enabled,
)
from learnt.engine.base import Size
from learnt.engine.creation import (
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
    linspace,
    multinomial,
    normal,
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
from learnt.engine.ops.activation import log_softmax, relu, softmax
from learnt.engine.ops.arithmetic import (
    add,
    clamp,
    div,
    eq,
    floor_divide,
    fmod,
    ge,
    gt,
    le,
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
)
from learnt.engine.ops.linear import matmul
from learnt.engine.ops.pointwise import (
    abs,
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
from learnt.engine.ops.reduce import amax, amin, argmax, mean, sum, var
from learnt.engine.ops.shape import (
    cat,
    flatten,
    permute,
    reshape,
    squeeze,
    stack,
    transpose,
    unsqueeze,
)
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

float32 = float = np.dtype("float32")
float64 = double = np.dtype("float64")
int64 = long = np.dtype("int64")
int32 = int = np.dtype("int32")
uint8 = np.dtype("uint8")
bool = np.dtype("bool")

finfo, iinfo, dtype = np.finfo, np.iinfo, np.dtype
