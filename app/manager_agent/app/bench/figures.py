"""Pure: what the exporters saw -> rates, percentiles, and whether a line of readings is level."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple


class Ack(NamedTuple):
    """One request that was acknowledged.

    `done`: when, in seconds of the monotonic clock. `seconds`: how long its sender waited for it,
    from the moment it meant to send it, refusals and further tries included. `spans`, `calls`: new
    ones in it, none in one that was sent before.
    """

    done: float
    seconds: float
    spans: int
    calls: int


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds until a request was acknowledged: of how many, the middle one, and the worst."""

    requests: int
    p50_ms: float
    p99_ms: float
    max_ms: float


def percentile(ordered: Sequence[float], share: float) -> float:
    """Return the smallest of the ascending `ordered` that `share` (0 to 1) of them do not exceed.

    Raises `ValueError` where there is none: no percentile is better than one of nothing.
    """
    if not ordered:
        raise ValueError("no percentile of no readings; nothing was acknowledged")
    rank = -int(-share * len(ordered) // 1)  # rounded up: at least this many are at or below
    return ordered[max(rank, 1) - 1]


def latency(acks: Sequence[Ack]) -> Latency:
    """Return how long the requests took. Raises `ValueError` where there is none."""
    waits = sorted(ack.seconds * 1000 for ack in acks)
    return Latency(len(waits), percentile(waits, 0.5), percentile(waits, 0.99), waits[-1])


def within(acks: Sequence[Ack], begin: float, end: float) -> list[Ack]:
    """Return those acknowledged at or after `begin` and before `end`."""
    return [ack for ack in acks if begin <= ack.done < end]


def spans(acks: Sequence[Ack]) -> int:
    """Return the new spans in them."""
    return sum(ack.spans for ack in acks)


def rate(number: float, seconds: float) -> float:
    """Return `number` a second. Raises `ValueError` where no time has passed."""
    if seconds <= 0:
        raise ValueError(f"no rate over {seconds} s")
    return number / seconds


def per_million(amount: float, number: int) -> float:
    """Return what a million would have taken. Raises `ValueError` where there was none."""
    if number <= 0:
        raise ValueError("nothing was acknowledged, so nothing can be said for a million")
    return amount / number * 1e6


def slope(readings: Sequence[tuple[float, float]]) -> float:
    """Return by how much `(seconds, value)` readings rise in a second: least squares.

    Raises `ValueError` where the readings are not at two times at least.
    """
    number = len(readings)
    middle = sum(at for at, _ in readings) / number if number else 0.0
    spread = sum((at - middle) ** 2 for at, _ in readings)
    if spread == 0:
        raise ValueError(f"no slope through {number} readings at one time")
    mean = sum(value for _, value in readings) / number
    return sum((at - middle) * (value - mean) for at, value in readings) / spread
