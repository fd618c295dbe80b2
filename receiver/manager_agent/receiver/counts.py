"""What the receiver counts about itself, safe to count from any thread."""

from collections import Counter
from threading import Lock

from manager_agent.contract.metric import Metric, Sample

_HELP = {
    "requests": ("outcome", "OTLP requests by what became of them."),
    "denied": ("reason", "OTLP requests turned away unread: no token, or one not known."),
    "spans": ("outcome", "Spans, and log records and points of calls: stored, or sent again."),
    "calls": ("event", "Versions of LLM calls published, calls sealed, calls sealed early."),
    "dropped": ("reason", "Items refused or not understood."),
    "journal": (
        "outcome",
        "Requests answered before they were stored: kept, then stored, or set aside.",
    ),
    "store": ("outcome", "Attempts to store that failed."),
}


class Counts:
    """Counters by kind (a key of the metrics) and label."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()
        self._lock = Lock()

    def add(self, kind: str, label: str, number: int = 1) -> None:
        """Add to a counter."""
        with self._lock:
            self._counts[kind, label] += number

    def of(self, kind: str, label: str) -> int:
        """Return a counter."""
        with self._lock:
            return self._counts[kind, label]

    def all(self) -> dict[tuple[str, str], int]:
        """Return every counter, by kind and label."""
        with self._lock:
            return dict(self._counts)

    def metrics(self) -> list[Metric]:
        """Return every kind as one metric, e.g. `manager_receiver_requests_total{outcome=...}`."""
        with self._lock:
            counts = sorted(self._counts.items())
        return [
            Metric(
                f"manager_receiver_{kind}_total",
                "counter",
                text,
                [Sample(number, ((label, key),)) for (k, key), number in counts if k == kind],
            )
            for kind, (label, text) in _HELP.items()
        ]
