"""A number a part tells about itself, in Prometheus' terms but without its library."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Sample:
    """One value of a metric under its labels."""

    value: float
    labels: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Metric:
    """A counter or gauge with its samples at one moment.

    `name` follows Prometheus' conventions: unit as suffix, counters end in `_total`.
    """

    name: str
    kind: Literal["counter", "gauge"]
    help: str
    samples: Sequence[Sample]
