"""Ratings: vectors and biases of users and items, and of what is known about them.

    rating(u, i) = low + (high − low) · σ(μ + bᵤ + bᵢ + ⟨pᵤ, qᵢ⟩)

A user's vector is one of their own, plus those of the facts about them and of the items they
rated, whatever the rating was; likewise an item's, of the users who rated it. (Koren, Bell,
Volinsky: Matrix factorization techniques for recommender systems, 2009; Koren: SVD++, 2008; the
sigmoid's range: fastai)
"""

import numpy as np
import numpy.typing as npt

import learnt.engine as torch
from learnt.engine import nn
from learnt.engine.tensor import Tensor
from learnt.models.rounding import MOST, in_eight_bits, same

Array = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]
STRETCH = 1 / 8  # of the range: a sigmoid never reaches its ends
START = 0.01  # the spread of the first vectors


class Things(nn.Module):
    """Users or items: what is known of each, (N, F), and a vector of `width` and a bias of each.

    vₙ = sₙ + eₙ + Σ_f xₙ_f · w_f; the bias is the last number of the vector. Only the biases have
    a start s (N), so where there is little to learn from, that is what remains.
    """

    known: Tensor
    start: Tensor

    def __init__(self, known: Array, width: int, start: Array) -> None:
        super().__init__()
        starts = np.zeros((len(known), width + 1), np.float32)
        starts[:, -1] = start
        self.register_buffer("start", Tensor(starts), persistent=False)
        self.own = nn.Embedding(len(known), width + 1)
        nn.init.normal_(self.own.weight, std=START)
        self.of_known = nn.Parameter(torch.randn(known.shape[1], width + 1) * START)
        self.register_buffer("known", Tensor(known), persistent=False)

    def forward(self, numbers: Tensor) -> Tensor:
        """Vectors with their biases, (B, width + 1), of those numbers (B)."""
        different, places = np.unique(numbers.array, return_inverse=True)
        each = Tensor(different)  # the same thing is often in a batch several times
        vectors: Tensor = self.own(each) + self.start[each]
        if len(self.of_known):
            vectors = vectors + self.known[each] @ self.of_known
        return vectors[Tensor(places)]

    def round(self) -> None:
        """Round the vectors to 8 bits: what is each one's own makes up for it."""
        vectors = self.vectors()
        found = in_eight_bits(vectors)
        if found is not None:
            self.own.weight.array[...] += found[0] * found[1] - vectors

    def vectors(self) -> Array:
        """Those of all, (N, width + 1)."""
        own = self.start.array + self.own.weight.array
        found: Array = own + self.known.array @ self.of_known.array
        return found


class RatingModel(nn.Module):
    """What each user would rate each item: numbers of users (B), of items (B) → ratings (B).

    `known` (U, F) and (I, F) is what is known of users and of items; `usual` the mean rating, and
    `apart` (U) and (I) by how much the ratings of each differ from it; `low` and `high` are the
    least and the most there are.
    """

    def __init__(
        self,
        known: tuple[Array, Array],
        apart: tuple[Array, Array],
        width: int,
        usual: float,
        low: float,
        high: float,
    ) -> None:
        super().__init__()
        self.low = low - (high - low) * STRETCH
        self.range = (high - low) * (1 + 2 * STRETCH)
        share = (usual - self.low) / self.range
        self.usual = float(np.log(share / (1 - share)))  # the sigmoid's inverse
        slope = self.range * share * (1 - share)  # of the rating there
        users, items = (a / slope for a in apart)
        self.users = Things(known[0], width, users)
        self.items = Things(known[1], width, items)

    def forward(self, user: Tensor, item: Tensor) -> Tensor:
        """The ratings (B)."""
        p, q = self.users(user), self.items(item)  # (B, width + 1)
        return self.low + self.range * (score(p, q) + self.usual).sigmoid()

    def scores(self, users: Indices) -> Array:
        """The sigmoid's argument, without μ, for some users and all items: (U, I)."""
        p, q = self.users.vectors()[users], self.items.vectors()
        found: Array = p[:, :-1] @ q[:, :-1].T + p[:, -1:] + q[:, -1]
        return found


def score(p: Tensor, q: Tensor) -> Tensor:
    """⟨p, q⟩ plus both biases, which are the last numbers: (B)."""
    return (p[:, :-1] * q[:, :-1]).sum(1) + p[:, -1] + q[:, -1]


def mean_like(vectors: Array) -> Array:
    """The mean of all, (1, width + 1); whole numbers of the same scales, if they are such."""
    mean: Array = vectors.mean(0, keepdims=True)
    found = in_eight_bits(vectors)
    if found is None or not same(vectors, *found):
        return mean
    of_all = len(found[1]) == 1  # each scale is a column's, else a row's
    scales = found[1] if of_all else np.abs(mean).max(1, keepdims=True) / np.float32(MOST)
    return np.rint(mean / scales) * scales


class FinishedModel(nn.Module):
    """The trained model as a program has it: numbers of a user, an item and another item (B) →
    (B, 3): the rating, what `--top` orders by, and how similar the two items are (cosine).

    There is one user more, after the others: the mean of all, for whoever is not known.
    `extra` (items) is added to the order; the similarity is multiplied by `trust` (items) in the
    item, so that what few have rated is not near to all.
    """

    users: Tensor
    items: Tensor
    extra: Tensor
    trust: Tensor

    def __init__(
        self, model: RatingModel, extra: Array, trust: Array, low: float, high: float
    ) -> None:
        super().__init__()
        users, items = model.users.vectors(), model.items.vectors()
        users = np.concatenate([users, mean_like(users)])
        self.register_buffer("users", Tensor(users))
        self.register_buffer("items", Tensor(items))
        self.register_buffer("extra", Tensor(extra))
        self.register_buffer("trust", Tensor(trust))
        self.usual, self.least, self.range = model.usual, model.low, model.range
        self.low, self.high = low, high

    def forward(self, user: Tensor, item: Tensor, other: Tensor) -> Tensor:
        """The three numbers a row."""
        p, q, o = self.users[user], self.items[item], self.items[other]
        found = score(p, q)
        rating = self.least + self.range * (found + self.usual).sigmoid()
        q, o = q[:, :-1], o[:, :-1]
        lengths = ((q * q).sum(1) * (o * o).sum(1)).clamp(min=1e-20).sqrt()
        similar = (q * o).sum(1) / lengths * self.trust[item]
        columns = (rating.clamp(self.low, self.high), found + self.extra[item], similar)
        return torch.stack(columns, 1)
