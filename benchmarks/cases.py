"""Which loads are measured, in which surroundings."""

from dataclasses import dataclass
from itertools import product

from benchmarks.surroundings import Surroundings
from manager_agent.app.bench.measure import Case
from manager_agent.app.bench.payload import Shape


@dataclass(frozen=True, slots=True)
class Measurement:
    """One row of the table."""

    case: Case
    surroundings: Surroundings = "alone"

    @property
    def name(self) -> str:
        """What a person calls it: `8 x 512 content, busy`."""
        case = self.case
        words = [f"{case.exporters} x {case.shape.spans}"]
        words += ["content"] * case.shape.content + ["twice"] * case.twice
        words += ["double"] * case.shape.double
        if case.spans_per_second is not None:
            words.append(f"at {case.spans_per_second:,.0f}/s")
        return " ".join(words) + (", busy" if self.surroundings == "busy" else "")

    def seconds(self, asked: float) -> float:
        """Return how long to look: three rounds of all exporters at 25,000 spans/s at least."""
        return max(asked, 3 * self.case.exporters * self.case.shape.spans / 25_000)


TARGET = Measurement(Case(8, Shape(512)))
"""The case that the limits and the rivals are held against."""

MODES = [
    Measurement(Case(8, Shape(512), twice=True)),
    Measurement(Case(8, Shape(512, double=True))),
    Measurement(Case(8, Shape(512), spans_per_second=5_000), "busy"),
]
"""Each request sent twice; each call reported by two instrumentations; a steady pace."""

DEFAULT = [
    Measurement(Case(1, Shape(512))),
    TARGET,
    Measurement(Case(8, Shape(512)), "busy"),
    Measurement(Case(8, Shape(512, content=True))),
    Measurement(Case(64, Shape(512))),
    Measurement(Case(64, Shape(1))),
    Measurement(Case(64, Shape(1)), "busy"),
    Measurement(Case(8, Shape(8192))),
    *MODES,
]
"""What is measured in some minutes."""

_SURROUNDINGS: tuple[Surroundings, ...] = ("alone", "busy")

ALL = [
    *(
        Measurement(Case(exporters, Shape(spans, content)), around)
        for around, content, spans, exporters in product(
            _SURROUNDINGS, (False, True), (1, 512, 8192), (1, 8, 64)
        )
    ),
    *MODES,
]
