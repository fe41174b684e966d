"""Layers as functions, with PyTorch's signatures: an index. Each lives beside its operation."""

from learnt.engine.ops.activation import dropout
from learnt.engine.ops.activation import log_softmax
from learnt.engine.ops.activation import relu
from learnt.engine.ops.activation import relu6
from learnt.engine.ops.activation import softmax
from learnt.engine.ops.conv import conv2d
from learnt.engine.ops.linear import linear
from learnt.engine.ops.loss import cross_entropy
from learnt.engine.ops.loss import mse_loss
from learnt.engine.ops.norm import batch_norm
from learnt.engine.ops.pool import adaptive_avg_pool2d
from learnt.engine.ops.pool import avg_pool2d
from learnt.engine.ops.pool import max_pool2d
from learnt.engine.ops.shape import pad
