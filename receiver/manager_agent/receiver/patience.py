"""How long senders wait for the store before the journal answers them."""

from dataclasses import dataclass

_HURRY = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """`seconds` that a sender waits for the store at most, and `most_bytes` of the journal.

    `crowd`: so many that wait at once do so for a tenth of that. `calm_seconds`: for so long the
    store must have kept up before senders wait for it again.
    """

    seconds: float = 0.1
    crowd: int = 32
    calm_seconds: float = 10.0
    most_bytes: int = 1024 * 1024 * 1024

    def of(self, waiting: int) -> float:
        """Return for how many seconds the first of so many waits.

        Where many wait for each transaction they send little, and it costs more than all of them.
        """
        return self.seconds / _HURRY if waiting >= self.crowd else self.seconds
