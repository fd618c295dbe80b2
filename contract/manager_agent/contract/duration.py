"""Durations as people write them: `90s`, `10m`, `2h`, `1d`."""

import re

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_WRITTEN = re.compile(r"(?:(\d+(?:\.\d+)?)([smhd]))+")
_PART = re.compile(r"(\d+(?:\.\d+)?)([smhd])")


def seconds_of(text: str) -> float:
    """Return the seconds of a duration. Raises `ValueError` that says how one is written."""
    text = text.strip().lower()
    if not _WRITTEN.fullmatch(text):
        raise ValueError(f"{text!r} is no duration; write it like 90s, 10m, 1h30m or 1d")
    found = sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))
    if not found:
        raise ValueError(f"{text!r} is no time at all; leave it out, or write it like 10m")
    return found
