"""Where PyTorch keeps `Parameter`: `from torch.nn.parameter import Parameter`."""

from learnt.engine.nn.module import Buffer as Buffer
from learnt.engine.nn.module import Parameter as Parameter
