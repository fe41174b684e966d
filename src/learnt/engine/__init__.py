"""The engine: tensors, layers, back-propagation and SGD in NumPy, with PyTorch's names.

`import learnt.engine as torch` reads like PyTorch. Read it in this order: `ops/op.py`,
`autograd.py`, `tensor.py`, `ops/`, `nn/module.py`, `nn/layers.py`, `optim/sgd.py`.
"""

import numpy as np

from learnt.engine import nn as nn
from learnt.engine import onnx as onnx
from learnt.engine import optim as optim
from learnt.engine.autograd import is_grad_enabled, no_grad
from learnt.engine.creation import arange, cat, from_numpy, full, ones, stack, tensor, zeros
from learnt.engine.gradcheck import gradcheck
from learnt.engine.random import (
    get_rng_state,
    manual_seed,
    rand,
    randn,
    randperm,
    set_rng_state,
)
from learnt.engine.serial import load, save
from learnt.engine.tensor import Tensor

float32 = np.dtype("float32")
float64 = np.dtype("float64")
int64 = np.dtype("int64")
int32 = np.dtype("int32")
uint8 = np.dtype("uint8")

__all__ = [
    "Tensor",
    "arange",
    "cat",
    "float32",
    "float64",
    "from_numpy",
    "full",
    "get_rng_state",
    "gradcheck",
    "int32",
    "int64",
    "is_grad_enabled",
    "load",
    "manual_seed",
    "nn",
    "no_grad",
    "ones",
    "onnx",
    "optim",
    "rand",
    "randn",
    "randperm",
    "save",
    "set_rng_state",
    "stack",
    "tensor",
    "uint8",
    "zeros",
]
