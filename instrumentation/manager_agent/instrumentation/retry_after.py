"""When an answer that is an error asks to come again."""

import time
from collections.abc import Mapping
from typing import Protocol


class Headers(Protocol):
    """Headers of an answer, as any client has them: names in any case."""

    def get(self, name: str, default: str = "", /) -> str | None:
        """Return one header's value."""


def retry_after(headers: "Mapping[str, str] | Headers") -> float | None:
    """Return the seconds that `retry-after-ms` or `retry-after` say, None if they say none."""
    exact = headers.get("retry-after-ms", "") or ""
    said = headers.get("retry-after", "") or ""
    try:
        seconds = float(exact) / 1000 if exact else float(said)
    except ValueError:
        seconds = _until(said)
    return seconds if 0 < seconds < float("inf") else None


def _until(said: str) -> float:
    """Return the seconds until an HTTP date; 0 where it is none."""
    from email.utils import parsedate_to_datetime  # rare, and an agent's start does not pay for it

    try:
        return parsedate_to_datetime(said).timestamp() - time.time()
    except (ValueError, TypeError, OverflowError, OSError):
        return 0.0
