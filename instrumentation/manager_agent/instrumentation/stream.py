"""Readers of answers that come in pieces: server-sent events, and bodies that are one piece."""

from collections.abc import Callable, Iterable
from typing import Protocol, Self

from manager_agent.instrumentation.told import Told
from manager_agent.instrumentation.wire import StreamReader

LARGEST_BODY = 8 << 20
"""Bytes of a body without events that are kept; beyond, its answer is not read."""


class Events(Protocol):
    """What the events of one stream tell."""

    def event(self, data: bytes) -> None:
        """Take note of the data of one event. Never raises."""

    def told(self) -> Told:
        """Return what was told up to here."""

    def copy(self) -> Self:
        """Return one that goes on from here and leaves this one as it is."""


class Splitter(Protocol):
    """Finds the events in bytes that are cut anywhere."""

    def feed(self, data: bytes) -> Iterable[bytes]:
        """Read on, and return the events that are complete now. Never raises."""

    def rest(self) -> bytes:
        """Return what there is of an event that was not ended."""


class EventReader:
    """Reads a stream's events as they pass."""

    def __init__(self, splitter: Splitter, events: Events) -> None:
        self._splitter = splitter
        self._events = events

    def feed(self, data: bytes) -> None:
        """Read on."""
        for event in self._splitter.feed(data):
            self._events.event(event)

    def told(self) -> Told:
        """Return what was told, an event that lacks its empty line included."""
        rest = self._splitter.rest()
        if not rest:
            return self._events.told()
        events = self._events.copy()
        events.event(rest)
        return events.told()


class BodyReader:
    """Keeps a body of one piece, up to `LARGEST_BODY`, and reads it when asked."""

    def __init__(self, read: Callable[[bytes], Told]) -> None:
        self._read = read
        self._pieces: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> None:
        """Read on."""
        self._size += len(data)
        if self._size <= LARGEST_BODY:
            self._pieces.append(data)
        else:
            self._pieces.clear()

    def told(self) -> Told:
        """Return what the body tells; of one that is too large, that it came."""
        if self._size > LARGEST_BODY:
            return Told()
        return self._read(b"".join(self._pieces))


class SniffingReader:
    """Finds out by its first byte what an answer is that does not name what it is."""

    def __init__(self, body: StreamReader, events: StreamReader) -> None:
        self._body, self._events = body, events
        self._reader: StreamReader | None = None

    def feed(self, data: bytes) -> None:
        """Read on."""
        if self._reader is None:
            begun = data.lstrip()
            if not begun:
                return
            self._reader = self._body if begun[:1] in (b"{", b"[") else self._events
        self._reader.feed(data)

    def told(self) -> Told:
        """Return what was told up to here."""
        return Told() if self._reader is None else self._reader.told()


def reader(content_type: str, body: StreamReader, events: StreamReader) -> StreamReader:
    """Return which of two readers a content type asks for: of JSON in one piece, or of events."""
    if is_json(content_type):
        return body
    return events if "event" in content_type else SniffingReader(body, events)


def is_json(content_type: str) -> bool:
    """Whether a content type says one piece of JSON."""
    return content_type.partition(";")[0].strip().lower().endswith("json")
