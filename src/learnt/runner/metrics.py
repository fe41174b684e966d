"""What a server counts, in Prometheus's text format 0.0.4."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
SIZES = (1, 2, 4, 8, 16)
MEDIA = "text/plain; version=0.0.4; charset=utf-8"


class Histogram:
    """How many values were at most so large, for some bounds; their sum and count."""

    def __init__(self, bounds: Iterable[float]) -> None:
        self.bounds = list(bounds)
        self.counts = [0] * (len(self.bounds) + 1)
        self.sum = 0.0

    def add(self, value: float) -> None:
        """Count one more."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value

    def lines(self, name: str, about: str) -> Iterator[str]:
        """As Prometheus reads it."""
        yield from _head(name, "histogram", about)
        total = 0
        for bound, count in zip([*self.bounds, "+Inf"], self.counts, strict=True):
            total += count
            yield f'{name}_bucket{{le="{bound}"}} {total}'
        yield f"{name}_sum {self.sum!r}"
        yield f"{name}_count {total}"


class Metrics:
    """The server's counters; `info` are facts of the program."""

    def __init__(self, info: Mapping[str, str]) -> None:
        self.info = info
        self.requests: dict[tuple[str, int], int] = {}
        self.seconds = Histogram(SECONDS)
        self.batches = Histogram(SIZES)
        self.inputs = 0
        self.in_flight = 0

    def answered(self, path: str, status: int) -> None:
        """One more request has its answer."""
        key = path, status
        self.requests[key] = self.requests.get(key, 0) + 1

    def text(self) -> str:
        """All of them."""
        lines = [*_head("learnt_requests_total", "counter", "Requests that were answered.")]
        for (path, status), count in sorted(self.requests.items()):
            labels = _labels({"path": path, "status": str(status)})
            lines.append(f"learnt_requests_total{labels} {count}")
        for name, kind, about, value in (
            ("learnt_inputs_total", "counter", "Inputs that were given to the program.",
             self.inputs),
            ("learnt_in_flight", "gauge", "Requests for answers that are under way.",
             self.in_flight),
        ):  # fmt: skip
            lines += [*_head(name, kind, about), f"{name} {value}"]
        lines += self.seconds.lines(
            "learnt_run_seconds", "Seconds from a request for answers to its answer."
        )
        lines += self.batches.lines("learnt_batch_inputs", "Inputs that were run together.")
        lines += _head("learnt_program_info", "gauge", "What program this is.")
        lines.append(f"learnt_program_info{_labels(self.info)} 1")
        return "\n".join(lines) + "\n"


def _head(name: str, kind: str, about: str) -> Iterator[str]:
    yield f"# HELP {name} {about}"
    yield f"# TYPE {name} {kind}"


def _labels(values: Mapping[str, str]) -> str:
    """Labels in braces; what is in a value cannot end it."""
    pairs = []
    for name, value in values.items():
        text = value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
        pairs.append(f'{name}="{text}"')
    return "{" + ",".join(pairs) + "}"
