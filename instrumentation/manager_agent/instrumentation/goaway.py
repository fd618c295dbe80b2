"""Takes GOAWAY out of what a server of HTTP/2 sends.

After it `h2` takes no more frames, and the answers that a server still sends before it stops would
be lost: those to all streams up to the number that GOAWAY names.
"""

from dataclasses import dataclass

_HEAD = 9
_GOAWAY = 7
_MOST_BYTES = 16384


@dataclass(frozen=True, slots=True)
class GoAway:
    """`last`: streams above were not served; `code`: HTTP/2's; `why`: what the server said."""

    last: int
    code: int
    why: str


class GoAwayFilter:
    """Takes bytes cut anywhere; `said` is the latest GOAWAY among them."""

    def __init__(self) -> None:
        self.said: GoAway | None = None
        self._held = bytearray()
        self._passing = 0

    def feed(self, data: bytes) -> bytes:
        """Return the bytes without GOAWAY; less than a frame's head is held back."""
        if not self._held and self._passing >= len(data):
            self._passing -= len(data)
            return data  # the midst of a large frame, which is most of what comes
        held, out, at = self._held + data, bytearray(), 0
        while at < len(held):
            if self._passing:
                end = min(len(held), at + self._passing)
                out += held[at:end]
                self._passing -= end - at
                at = end
                continue
            if len(held) - at < _HEAD:
                break
            length = int.from_bytes(held[at : at + 3])
            if held[at + 3] != _GOAWAY or not 8 <= length <= _MOST_BYTES:
                self._passing = _HEAD + length
                continue
            if len(held) - at < _HEAD + length:
                break
            self.said = _read(bytes(held[at + _HEAD : at + _HEAD + length]))
            at += _HEAD + length
        self._held = held[at:]
        return bytes(out)


def _read(payload: bytes) -> GoAway:
    last, code = int.from_bytes(payload[:4]) & 0x7FFFFFFF, int.from_bytes(payload[4:8])
    return GoAway(last, code, payload[8:208].decode("utf-8", "replace"))
