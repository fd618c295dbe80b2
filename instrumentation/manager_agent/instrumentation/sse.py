"""Server-sent events, read from bytes that are cut anywhere, in bounded memory."""

from manager_agent.instrumentation.bounded import LONGEST_EVENT, Bounded

_BOM = b"\xef\xbb\xbf"


class Sse:
    """Gives the data of each event, as the standard has it: lines joined by newlines.

    Names, ids and comments are passed over; the protocols that we read repeat the name in the
    data. An event longer than `LONGEST_EVENT` is given as its first and last `KEPT_OF_LONG` bytes
    (which is no JSON, but usage can be found in it) and counted in `cut`.
    """

    __slots__ = ("_bom", "_cr", "_event", "_line", "cut")

    def __init__(self) -> None:
        self._line = Bounded()  # the line that has begun
        self._event: Bounded | None = None  # data lines of the event that has begun
        self._cr = False  # the last byte was a CR: an LF belongs to it
        self._bom = 0  # bytes of a byte order mark seen at the start; -1: past the start
        self.cut = 0

    def feed(self, data: bytes) -> list[bytes]:
        """Read on, and return the data of the events that are complete now."""
        if self._bom >= 0:
            data = self._without_bom(data)
        if self._cr and data:
            data = data[1:] if data[0] == 10 else data
            self._cr = False
        if b"\r" in data:
            self._cr = data[-1] == 13
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        return self._lines(data)

    def rest(self) -> bytes:
        """Return the data of an event that has begun and was never ended by an empty line."""
        line = self._line.value()
        data = [] if self._event is None else [self._event.value()]
        if line.startswith(b"data:"):
            data.append(_field(line))
        return b"\n".join(data)

    def _without_bom(self, data: bytes) -> bytes:
        while self._bom >= 0 and data:
            if data[0] == _BOM[self._bom]:
                data = data[1:]
                self._bom = -1 if self._bom == 2 else self._bom + 1
            else:
                data, self._bom = _BOM[: self._bom] + data, -1
        return data

    def _lines(self, data: bytes) -> list[bytes]:
        events: list[bytes] = []
        if not self._line and self._event is None:
            if not data.endswith(b"\n\n") or len(data) > LONGEST_EVENT:
                return self._slowly(data, events)
            for block in data.split(b"\n\n"):  # whole events: what nearly every chunk is
                if block.startswith(b"data: ") and b"\n" not in block:
                    events.append(block[6:])
                elif block:
                    self._slowly(block + b"\n\n", events)
            return events
        return self._slowly(data, events)

    def _slowly(self, data: bytes, events: list[bytes]) -> list[bytes]:
        *ended, begun = data.split(b"\n")
        for piece in ended:
            if self._line:
                self._line.add(piece)
                piece = self._line.value()
                self.cut += self._line.cut
                self._line = Bounded()
            self._take(piece, events)
        self._line.add(begun)
        return events

    def _take(self, line: bytes, events: list[bytes]) -> None:
        if not line:
            if self._event is not None:
                self.cut += self._event.cut
                events.append(self._event.value())
                self._event = None
        elif line.startswith(b"data") and (len(line) == 4 or line[4] == 58):
            if self._event is None:
                self._event = Bounded()
            else:
                self._event.add(b"\n")
            self._event.add(_field(line))


def _field(line: bytes) -> bytes:
    value = line[5:]
    return value[1:] if value.startswith(b" ") else value
