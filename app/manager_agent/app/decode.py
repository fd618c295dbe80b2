"""What the manager makes of recorded OTLP requests, by the same code that serves them."""

import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

from manager_agent.receiver.call import Call
from manager_agent.receiver.content import Door
from manager_agent.receiver.json_form import protobuf_of
from manager_agent.receiver.reading import Reader
from manager_agent.receiver.recognise import recognise
from manager_agent.receiver.row import row_of
from manager_agent.receiver.signals import BY_NAME, SignalName
from manager_agent.receiver.window import MergeWindow
from manager_agent.receiver.wire import MalformedRequestError

Signal = Literal["auto", "traces", "logs", "metrics"]

_NO_NOW = 0


@dataclass(slots=True)
class Reading:
    """What came of one file, or of all together: calls by call id, and what was dropped."""

    file: str | None
    calls: dict[str, Call] = field(default_factory=dict)
    dropped: Counter[str] = field(default_factory=Counter)
    error: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the object that `decode --json` prints a line of."""
        ordered = sorted(self.calls.values(), key=lambda call: (call.start_ns, call.call_id))
        return {
            "file": self.file,
            "calls": [row_of(call) for call in ordered],
            "dropped": dict(self.dropped),
            "error": self.error,
        }


def decode(
    files: Sequence[str], signal: Signal, *, together: bool, cost: Callable[[Call], Call]
) -> Iterator[Reading]:
    """Yield what the manager makes of `files`, each on its own, or all as one run."""
    if together:
        reading = Reading(None)
        window = _window(cost)
        for file in files:
            _read(file, signal, window, reading)
        yield reading
        return
    for file in files:
        reading = Reading(file)
        _read(file, signal, _window(cost), reading)
        yield reading


def signal_of(file: str, asked: Signal) -> SignalName:
    """Return the signal a file holds: as asked, else by its name."""
    if asked != "auto":
        return asked
    if file.endswith(".logs.pb"):
        return "logs"
    return "metrics" if file.endswith(".metrics.pb") else "traces"


def _read(file: str, signal: Signal, window: MergeWindow, into: Reading) -> None:
    kind = signal_of(file, signal)
    try:
        payload = Path(file).read_bytes()
        if payload.lstrip()[:1] == b"{":
            payload = protobuf_of(payload, BY_NAME[kind])
        reading = _reader().read(payload, kind)
    except (OSError, MalformedRequestError) as error:
        said = f"{file}: {getattr(error, 'strerror', None) or error}"
        into.error = said if into.error is None else f"{into.error}; {said}"
        return
    into.dropped.update(reading.dropped)
    changes = window.add(reading.arrived, _NO_NOW)
    if changes.duplicates:
        into.dropped["duplicate"] += changes.duplicates
    _keep(into.calls, changes.calls)


def _keep(calls: dict[str, Call], versions: Iterable[Any]) -> None:
    for version in versions:
        if version.retracted:
            del calls[version.call.call_id]
        else:
            calls[version.call.call_id] = version.call


@cache
def _reader() -> Reader:
    """Return a reader with a key of this run: digests are comparable within it, not beyond."""
    door = Door(secrets.token_bytes(32))
    return Reader(lambda span: recognise(span, door))


def _window(cost: Callable[[Call], Call]) -> MergeWindow:
    """Return a window that never closes: time does not pass between files."""
    return MergeWindow(cost, window_ns=2**62)
