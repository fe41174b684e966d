"""The built-in engine under the Learner: one step of training, and answers in batches.

This is all that the loop knows of an engine; another one has the same four methods.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

import learnt.engine as torch
from learnt.engine import nn, optim
from learnt.engine.tensor import Tensor
from learnt.engine.threads import share
from learnt.training.checkpoint import Arrays
from learnt.training.plan import Recipe

Array = npt.NDArray[Any]


class NumpyEngine:
    """A model, its optimiser and its schedule."""

    name = "numpy"

    def __init__(
        self,
        model: nn.Module,
        loss: Callable[[Tensor, Tensor], Tensor],
        optimizer: optim.Optimizer,
        recipe: Recipe,
        total_steps: int,
    ) -> None:
        self.model, self.loss, self.optimizer = model, loss, optimizer
        self.pieces = recipe.pieces
        self.best: Arrays = {}  # the weights of the best epoch so far, where they are kept
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer,
            max_lr=[group["lr"] for group in optimizer.param_groups],
            total_steps=max(
                2, total_steps
            ),  # the last step has hardly any rate: it is not the first
            pct_start=recipe.warm_up,
            cycle_momentum=recipe.cycle_momentum,
        )

    def step(self, inputs: tuple[Array, ...], targets: Array) -> float:
        """Forward, loss, backward, update: the loss on this batch, before the update."""
        self.optimizer.zero_grad()
        if self.pieces > 1 and len(targets) % self.pieces == 0:
            loss = self._by_pieces(inputs, targets)
        else:
            found = self.loss(self.model(*map(Tensor, inputs)), Tensor(targets))
            found.backward()
            loss = float(found.array)
        self.optimizer.step()
        self.schedule.step()
        return loss

    def _by_pieces(self, inputs: tuple[Array, ...], targets: Array) -> float:
        """The mean loss and gradients of equal pieces of a batch, each on one thread.

        All of the engine's work is then shared out, and not only its matrix products.
        """
        size, weights = len(targets) // self.pieces, list(self.model.parameters())
        found: dict[int, tuple[float, list[Array]]] = {}

        def learn(_: None, number: int) -> None:
            at = slice(number * size, (number + 1) * size)
            loss = self.loss(self.model(*(Tensor(x[at]) for x in inputs)), Tensor(targets[at]))
            found[number] = float(loss.array), [g.array for g in torch.autograd.grad(loss, weights)]

        share(learn, [(number,) for number in range(self.pieces)], lambda: None)
        for i, weight in enumerate(weights):  # added in one order, whatever thread was first
            total = found[0][1][i]
            for number in range(1, self.pieces):
                total += found[number][1][i]
            total /= self.pieces
            weight.grad = Tensor(total)
        return sum(loss for loss, _ in found.values()) / self.pieces

    def answers(self, inputs: tuple[Array, ...]) -> Array:
        """The model's outputs for a batch, in evaluation mode."""
        self.model.eval()
        try:
            with torch.no_grad():
                outputs: Array = self.model(*map(Tensor, inputs)).array
                return outputs
        finally:
            self.model.train()

    def keep(self) -> None:
        """Keep a copy of the weights as they are now."""
        self.best = {name: t.array.copy() for name, t in self.model.state_dict().items()}

    def bring_back(self) -> None:
        """The weights that were kept are the model's again."""
        self.model.load_state_dict({name: Tensor(array) for name, array in self.best.items()})

    def state(self) -> tuple[Arrays, dict[str, Any]]:
        """Everything that the next step depends on: arrays, and plain numbers."""
        arrays = {f"model.{name}": t.array for name, t in self.model.state_dict().items()}
        arrays |= {f"best.{name}": array for name, array in self.best.items()}
        numbers: dict[str, dict[str, Any]] = {}
        optimizer = self.optimizer.state_dict()
        for at, state in optimizer["state"].items():
            for name, value in state.items():
                if isinstance(value, np.ndarray):
                    arrays[f"optimizer.{at}.{name}"] = value
                else:
                    numbers.setdefault(str(at), {})[name] = value
        return arrays, {
            "optimizer": numbers,
            "step": self.schedule.last_epoch,
            "random": torch.get_rng_state(),
        }

    def load_state(self, arrays: Arrays, numbers: dict[str, Any]) -> None:
        """Go on where `state` was called, to the very same next step."""
        model = {
            k.removeprefix("model."): Tensor(v) for k, v in arrays.items() if k[:6] == "model."
        }
        self.model.load_state_dict(model)
        self.best = {k.removeprefix("best."): v for k, v in arrays.items() if k[:5] == "best."}
        states: dict[int, dict[str, Any]] = {
            int(at): dict(state) for at, state in numbers["optimizer"].items()
        }
        for key, value in arrays.items():
            kind, _, rest = key.partition(".")
            if kind == "optimizer":
                at, _, name = rest.partition(".")
                states.setdefault(int(at), {})[name] = value
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": states, "param_groups": groups})
        self.schedule.load_state_dict({"last_epoch": numbers["step"]})
        torch.set_rng_state(numbers["random"])
