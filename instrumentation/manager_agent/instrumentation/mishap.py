"""What goes wrong of ours in an agent: logged once by `manager_agent`, counted, never raised."""

import logging
from collections import Counter
from collections.abc import Mapping

_logger = logging.getLogger("manager_agent")
_counts: Counter[str] = Counter()
_KINDS = 1000  # further kinds are counted under one name: a kind may be an address


def note(kind: str, message: str, error: BaseException) -> None:
    """Take note of an exception of ours that was caught; logged with its trace the first time."""
    if _first(kind):
        _logger.warning("%s (told once)", message, exc_info=error)


def warn(kind: str, message: str) -> None:
    """Take note of what the user should change; logged the first time."""
    if _first(kind):
        _logger.warning("%s", message)


def counts() -> Mapping[str, int]:
    """Return how often each kind was noted in this process."""
    return dict(_counts)


def forget() -> None:
    """Begin anew, so that everything is logged again."""
    _counts.clear()


def _first(kind: str) -> bool:
    if kind not in _counts and len(_counts) >= _KINDS:
        kind = "further"
    _counts[kind] += 1
    return _counts[kind] == 1
