"""Bytes that are put together in bounded memory."""

LONGEST_EVENT = 1 << 20
"""Bytes of one event that are kept whole."""
KEPT_OF_LONG = 1 << 16
"""Bytes that are kept of either end of a longer one: usage stands near an end."""


class Bounded:
    """Bytes that are put together, at most `LONGEST_EVENT`; beyond it only both ends are kept.

    `size` is 0 only where nothing was added. `cut`: the middle is gone.
    """

    __slots__ = ("_head", "_pieces", "cut", "size")

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._head = b""
        self.size = 0
        self.cut = False

    def add(self, piece: bytes) -> None:
        """Add a piece."""
        if piece:
            self._pieces.append(piece)
            self.size += len(piece)
            if self.size > LONGEST_EVENT:
                self._shorten()

    def _shorten(self) -> None:
        joined = b"".join(self._pieces)
        if not self.cut:
            self._head, joined, self.cut = joined[:KEPT_OF_LONG], joined[KEPT_OF_LONG:], True
        self._pieces = [joined[-KEPT_OF_LONG:]]
        self.size = LONGEST_EVENT // 2 + len(self._pieces[0])  # shorten again after half of it

    def value(self) -> bytes:
        """Return what is kept, together."""
        return self._head + b"".join(self._pieces)
