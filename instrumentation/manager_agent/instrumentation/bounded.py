"""Bytes that are put together in bounded memory."""

LONGEST_EVENT = 1 << 20
"""Bytes of one event that are kept whole."""
KEPT_OF_LONG = 1 << 16
"""Bytes that are kept of either end of a longer one: usage stands near an end."""


class Bounded:
    """Bytes that are put together, at most `LONGEST_EVENT`; of more only both ends are kept.

    `cut`: the middle is gone.
    """

    __slots__ = ("_kept", "cut")

    def __init__(self) -> None:
        self._kept = bytearray()
        self.cut = False

    def __len__(self) -> int:
        """Return how many bytes are held, 0 only where nothing was added."""
        return len(self._kept)

    def add(self, piece: bytes) -> None:
        """Add a piece."""
        self._kept += piece
        if len(self._kept) > LONGEST_EVENT:
            del self._kept[KEPT_OF_LONG:-KEPT_OF_LONG]
            self.cut = True

    def value(self) -> bytes:
        """Return what is kept, together."""
        if not self.cut:
            return bytes(self._kept)
        return bytes(self._kept[:KEPT_OF_LONG] + self._kept[-KEPT_OF_LONG:])
