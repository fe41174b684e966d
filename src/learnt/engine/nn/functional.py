"""Layers as functions, with PyTorch's signatures: an index. Each lives beside its operation."""

from typing import TYPE_CHECKING

# fmt: off
# isort: off
from learnt.engine.ops.activation import (
    celu, celu_, dropout, dropout1d, dropout2d, elu, elu_, glu, hardshrink, hardsigmoid,
    hardswish, hardtanh, hardtanh_, leaky_relu, leaky_relu_, log_softmax, logsigmoid, mish, prelu,
    relu, relu6, relu_, selu, selu_, silu, softmax, softmin, softplus, softshrink, softsign,
    tanhshrink, threshold, threshold_,
)
from learnt.engine.ops.attention import scaled_dot_product_attention
from learnt.engine.ops.conv import (
    conv1d, conv2d, conv_transpose1d, conv_transpose2d, fold, unfold,
)
from learnt.engine.ops.embedding import embedding, embedding_bag, one_hot
from learnt.engine.ops.gelu import gelu
from learnt.engine.ops.layernorm import layer_norm, rms_norm
from learnt.engine.ops.loss import (
    binary_cross_entropy, binary_cross_entropy_with_logits, cosine_embedding_loss, cross_entropy,
    gaussian_nll_loss, hinge_embedding_loss, huber_loss, kl_div, l1_loss, margin_ranking_loss,
    mse_loss, nll_loss, poisson_nll_loss, smooth_l1_loss, soft_margin_loss, triplet_margin_loss,
)
from learnt.engine.ops.norm import (
    batch_norm, cosine_similarity, group_norm, instance_norm, local_response_norm, normalize,
    pairwise_distance,
)
from learnt.engine.ops.pad import pad
from learnt.engine.ops.pointwise import sigmoid, tanh
from learnt.engine.ops.pool import (
    adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_max_pool1d, adaptive_max_pool2d, avg_pool1d,
    avg_pool2d, max_pool1d, max_pool2d,
)
from learnt.engine.ops.resize import (
    channel_shuffle, interpolate, pixel_shuffle, pixel_unshuffle, upsample_bilinear,
    upsample_nearest,
)
# isort: on
# fmt: on

from learnt.engine.missing import missing
from learnt.engine.ops.linear import bilinear, linear

if not TYPE_CHECKING:
    __getattr__ = missing("torch.nn.functional")
