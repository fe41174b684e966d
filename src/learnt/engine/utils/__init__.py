"""`torch.utils`: so far, data: datasets, samplers and the loader that makes batches of them."""

from learnt.engine.utils import data as data

__all__ = ["data"]
