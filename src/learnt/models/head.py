"""The head: what is trained on top of a frozen body's features."""

from learnt.engine import nn

HIDDEN = 512


def head(features: int, classes: int) -> nn.Sequential:
    """Features (N, features) → scores (N, classes), through one hidden layer.

    Normalised, so that one learning rate suits every body; with dropout, as there are often
    more features than examples.
    """
    return nn.Sequential(
        nn.BatchNorm1d(features),
        nn.Dropout(0.25),
        nn.Linear(features, HIDDEN),
        nn.ReLU(),
        nn.BatchNorm1d(HIDDEN),
        nn.Dropout(0.5),
        nn.Linear(HIDDEN, classes),
    )
