"""Networks: `Module`, the layers, the same as functions (`functional`), and `init`."""

from typing import TYPE_CHECKING

# fmt: off
# isort: off
from learnt.engine.missing import missing
from learnt.engine.nn import functional as functional
from learnt.engine.nn import init as init
from learnt.engine.nn import parameter as parameter
from learnt.engine.nn import utils as utils
from learnt.engine.nn.attention import (
    MultiheadAttention, Transformer, TransformerDecoder, TransformerDecoderLayer,
    TransformerEncoder, TransformerEncoderLayer,
)
from learnt.engine.nn.containers import (
    ModuleDict,
    ModuleList,
    ParameterDict,
    ParameterList,
    Sequential,
)
from learnt.engine.nn.conv import Conv1d, Conv2d, ConvTranspose1d, ConvTranspose2d
from learnt.engine.nn.functions import (
    AdaptiveAvgPool1d, AdaptiveAvgPool2d, AdaptiveMaxPool1d, AdaptiveMaxPool2d, AvgPool1d,
    AvgPool2d, BCELoss, BCEWithLogitsLoss, CELU, CircularPad1d, CircularPad2d, ConstantPad1d,
    ConstantPad2d, CosineEmbeddingLoss, CosineSimilarity, CrossEntropyLoss, Dropout, Dropout1d,
    Dropout2d, ELU, Flatten, GELU, GLU, GaussianNLLLoss, Hardshrink, Hardsigmoid,
    Hardswish, Hardtanh, HingeEmbeddingLoss, HuberLoss, KLDivLoss, L1Loss, LeakyReLU,
    LocalResponseNorm, LogSigmoid, LogSoftmax, MSELoss, MarginRankingLoss, MaxPool1d, MaxPool2d,
    Mish, NLLLoss, PairwiseDistance, PixelShuffle, PixelUnshuffle, PoissonNLLLoss, ReLU, ReLU6,
    ReflectionPad1d, ReflectionPad2d, ReplicationPad1d, ReplicationPad2d, SELU, SiLU, Sigmoid,
    SmoothL1Loss, SoftMarginLoss, Softmax, Softmax2d, Softmin, Softplus, Softshrink, Softsign,
    Tanh, Tanhshrink, Threshold, TripletMarginLoss, Unflatten, Upsample, UpsamplingBilinear2d,
    UpsamplingNearest2d, ZeroPad1d, ZeroPad2d,
)
from learnt.engine.nn.linear import Bilinear, Embedding, EmbeddingBag, Identity, Linear, PReLU
from learnt.engine.nn.module import Buffer, Module, Parameter
from learnt.engine.nn.norm import (
    BatchNorm1d, BatchNorm2d, GroupNorm, InstanceNorm1d, InstanceNorm2d, LayerNorm, RMSNorm,
)
from learnt.engine.nn.rnn import GRU, LSTM, RNN, GRUCell, LSTMCell, RNNCell

if not TYPE_CHECKING:
    __getattr__ = missing("torch.nn")
