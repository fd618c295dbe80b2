"""How much room what is remembered of strangers takes, and how much it may take."""

from typing import final


@final
class Room:
    """Counts bytes that are taken, up to `most`."""

    __slots__ = ("most", "taken")

    def __init__(self, most: int) -> None:
        self.most = most
        self.taken = 0

    @property
    def full(self) -> bool:
        """Whether nothing more may be taken."""
        return self.taken >= self.most
