"""How good is an order of items for each user: precision, recall and NDCG among the first ten.

The held-out ratings that are at least the mean of train are what a user wanted; candidates are all
items that the user had not rated before. (Järvelin and Kekäläinen, 2002: NDCG)
"""

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

from learnt.data.ratings import Ratings

Array = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]
Scores = Callable[[Indices], Array]  # numbers of users (U) → a score an item (U, items)
TOP = 10
TOGETHER = 2**22  # scores that are sorted at once
SHARES = (0.0, 0.25, 0.5, 1.0, 1.5)  # of popularity
DAMPING = 10.0  # ratings that stand for the mean of all


class Ranking:
    """The held-out ratings `wanted` as a test of orders, for users who rated `before`."""

    def __init__(
        self, data: Ratings, before: Indices, wanted: Indices, most_users: int = 5000
    ) -> None:
        self.items, self.top = len(data.items), min(TOP, len(data.items))
        good = wanted[data.rating[wanted] >= data.rating[data.split.train].mean()]
        users = np.unique(data.user[good])
        self.users = users[:: max(1, -(-len(users) // most_users))]
        self.before, self.good = self._pairs(data, before), self._pairs(data, good)
        self.discount = 1 / np.log2(np.arange(2, self.top + 2))

    def figures(self, scores: Scores) -> dict[str, float]:
        """Precision, recall and NDCG of the order by descending scores; nothing without users."""
        rows = [self._of(users, scores(users)) for users in self._portions()]
        if not rows:
            return {}
        means = np.concatenate(rows, axis=1).mean(axis=1)
        names = (f"precision@{TOP}", f"recall@{TOP}", f"NDCG@{TOP}")
        return dict(zip(names, map(float, means), strict=True))

    def best_share(self, scores: Scores, popularity: Array) -> float:
        """The share of popularity that, added to the scores, gives the best NDCG."""
        if not len(self.users):
            return 0.0
        found = dict.fromkeys(SHARES, 0.0)
        for users in self._portions():
            plain = scores(users)
            for share in SHARES:
                found[share] += float(self._of(users, plain + share * popularity)[2].sum())
        return max(found, key=lambda share: found[share])

    def _portions(self) -> Iterator[Indices]:
        size = max(1, TOGETHER // self.items)
        return (self.users[at : at + size] for at in range(0, len(self.users), size))

    def _of(self, users: Indices, scores: Array) -> npt.NDArray[np.float64]:
        """The three figures (3, U) of some users' scores (U, items)."""
        scores, wanted = scores.copy(), np.zeros(scores.shape, np.bool_)
        for row, user in enumerate(users):
            scores[row, self.before[user]] = -np.inf
            wanted[row, self.good[user]] = True
        first = np.argpartition(-scores, self.top - 1, axis=1)[:, : self.top]
        order = np.argsort(-np.take_along_axis(scores, first, 1), axis=1, kind="stable")
        hits = np.take_along_axis(wanted, np.take_along_axis(first, order, 1), 1)
        count = wanted.sum(1)
        best = np.concatenate([[0.0], np.cumsum(self.discount)])[np.minimum(count, self.top)]
        gain = (hits * self.discount).sum(1) / best
        return np.stack([hits.sum(1) / self.top, hits.sum(1) / count, gain])

    def _pairs(self, data: Ratings, numbers: Indices) -> dict[int, Indices]:
        """Each user's items."""
        order = numbers[np.argsort(data.user[numbers], kind="stable")]
        users, starts = np.unique(data.user[order], return_index=True)
        parts = np.split(data.item[order], starts[1:])
        found = {int(user): part for user, part in zip(users, parts, strict=False)}
        return {int(user): found.get(int(user), np.zeros(0, np.int64)) for user in self.users}


def differences(data: Ratings, numbers: Indices) -> tuple[float, Array, Array]:
    """What there is to know without learning, of the ratings `numbers`: their mean, and by how
    much those of each user and of each item differ from it; few ratings count less."""
    mean = float(data.rating[numbers].mean(dtype=np.float64))
    rest = data.rating[numbers].astype(np.float64) - mean
    of_item = _damped(data.item[numbers], rest, len(data.items))
    rest = rest - of_item[data.item[numbers]]
    of_user = _damped(data.user[numbers], rest, len(data.users))
    return mean, of_user.astype(np.float32), of_item.astype(np.float32)


def _damped(numbers: Indices, rest: npt.NDArray[np.float64], count: int) -> npt.NDArray[np.float64]:
    total = np.bincount(numbers, rest, minlength=count)
    return np.asarray(total / (np.bincount(numbers, minlength=count) + DAMPING))
