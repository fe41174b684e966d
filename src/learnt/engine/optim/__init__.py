"""Optimisers: how gradients change parameters. Each file is one rule, written as its equation."""

from learnt.engine.optim import lr_scheduler as lr_scheduler
from learnt.engine.optim.adam import Adam, AdamW
from learnt.engine.optim.optimizer import Optimizer
from learnt.engine.optim.sgd import SGD

__all__ = ["SGD", "Adam", "AdamW", "Optimizer", "lr_scheduler"]
