"""Optimisers: how gradients change parameters. Each one is its rule, written as its equation."""

from typing import TYPE_CHECKING

from learnt.engine.missing import missing
from learnt.engine.optim import lr_scheduler as lr_scheduler
from learnt.engine.optim.adam import Adadelta, Adagrad, Adam, AdamW, NAdam, RAdam, RMSprop
from learnt.engine.optim.muon import Muon
from learnt.engine.optim.optimizer import Optimizer
from learnt.engine.optim.sgd import SGD

__all__ = [
    "SGD", "Adadelta", "Adagrad", "Adam", "AdamW", "Muon", "NAdam", "Optimizer", "RAdam",
    "RMSprop", "lr_scheduler",
]  # fmt: skip

if not TYPE_CHECKING:
    __getattr__ = missing("torch.optim")
