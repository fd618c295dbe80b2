"""What the budget authority counts of itself."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from manager_agent.contract.guard import Fence, Grant
from manager_agent.contract.metric import Metric, Sample
from manager_agent.control.commands import To
from manager_agent.control.views import Sums


@dataclass(slots=True)
class Counters:
    """Numbers of one clerk; written by its thread alone."""

    trouble: str | None = None
    commands: Counter[str] = field(default_factory=Counter)
    grants: Counter[str] = field(default_factory=Counter)
    fences: int = 0
    bad: int = 0
    stumbles: int = 0
    postponed: int = 0
    pruned: int = 0
    batches: int = 0
    batched: int = 0
    seconds: float = 0.0
    largest: int = 0
    slowest: float = 0.0

    def said(self, messages: Sequence[To]) -> None:
        """Count what was answered."""
        for one in messages:
            if isinstance(one.message, Grant):
                self.grants[one.message.verdict] += 1
            elif isinstance(one.message, Fence):
                self.fences += 1

    def batch(self, commands: int, seconds: float) -> None:
        """Count a batch of so many commands that took so long to be decided and stored."""
        self.batches += 1
        self.batched += commands
        self.seconds += seconds
        self.largest = max(self.largest, commands)
        self.slowest = max(self.slowest, seconds)

    def metrics(self, sums: Sums, connected: int, waiting: int) -> list[Metric]:
        """Return them all, beside what the ledger holds at present."""
        return [
            _each("manager_guard_commands_total", "Decided, by kind.", self.commands, "kind"),
            _each("manager_guard_grants_total", "Answers about leases.", self.grants, "verdict"),
            _counter("manager_guard_fences_total", "Holders told to begin anew.", self.fences),
            _counter("manager_guard_bad_commands_total", "Commands that failed.", self.bad),
            _counter("manager_guard_stumbles_total", "Batches that broke.", self.stumbles),
            _counter("manager_guard_postponed_total", "Not stored at once.", self.postponed),
            _counter("manager_guard_pruned_total", "Old rows deleted.", self.pruned),
            _counter("manager_guard_batches_total", "Batches decided.", self.batches),
            _counter("manager_guard_batched_total", "Commands in them.", self.batched),
            _counter("manager_guard_batch_seconds_total", "Time they took.", self.seconds),
            _gauge("manager_guard_batch_largest", "Commands in the largest.", self.largest),
            _gauge("manager_guard_batch_slowest_seconds", "Time of the slowest.", self.slowest),
            _gauge("manager_guard_holders_connected", "Epochs with a stream.", connected),
            _gauge("manager_guard_commands_waiting", "Not decided yet.", waiting),
            _gauge("manager_guard_leases", "Leases that may be spent from.", sums.leases),
            _gauge("manager_guard_demands_waiting", "Leases that wait for money.", sums.waiting),
            _amounts("manager_guard_outstanding", "In live leases.", sums.outstanding),
            _amounts("manager_guard_in_doubt", "Left in leases given up.", sums.in_doubt),
        ]


def _counter(name: str, text: str, value: float) -> Metric:
    return Metric(name, "counter", text, [Sample(value)])


def _gauge(name: str, text: str, value: float) -> Metric:
    return Metric(name, "gauge", text, [Sample(value)])


def _each(name: str, text: str, counts: Counter[str], label: Literal["kind", "verdict"]) -> Metric:
    samples = [Sample(count, ((label, word),)) for word, count in sorted(counts.items())]
    return Metric(name, "counter", text, samples)


def _amounts(name: str, text: str, by_unit: dict[Literal["usd", "tokens"], int]) -> Metric:
    """Return amounts by unit: nano-USD, as everywhere inside, or tokens."""
    samples = [
        Sample(by_unit["usd"], (("unit", "nano_usd"),)),
        Sample(by_unit["tokens"], (("unit", "tokens"),)),
    ]
    return Metric(name, "gauge", text, samples)
