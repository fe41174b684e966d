"""Where PyTorch keeps `Parameter`: `from torch.nn.parameter import Parameter`."""

from learnt.engine.nn.module import Buffer, Parameter

__all__ = ["Buffer", "Parameter"]
