"""Under which name the manager knows this process, and how often it was told something."""


class Epoch:
    """One life of this process as the manager knows it; a fence begins a new one."""

    __slots__ = ("holder", "seq")

    def __init__(self, holder: str) -> None:
        """`holder`: a UUID 7 that was never used before."""
        self.holder = holder
        self.seq = 0

    def next(self) -> int:
        """Return the number of the next report."""
        self.seq += 1
        return self.seq
