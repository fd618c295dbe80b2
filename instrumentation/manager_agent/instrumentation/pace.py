"""Pure: how often something may happen, so that a loop of it does not flood anybody."""


class Pace:
    """Allows a burst, then so many a second; where threads race, a few more."""

    def __init__(self, burst: int, per_second: float) -> None:
        self._burst = float(burst)
        self._per_second = per_second
        self._left = self._burst
        self._at = 0.0

    def take(self, now: float) -> bool:
        """Tell whether it may happen once more; `now` is in seconds and never goes back."""
        self._left = min(self._burst, self._left + (now - self._at) * self._per_second)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True
