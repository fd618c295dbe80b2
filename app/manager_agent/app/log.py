"""Logs: one line an event, to stderr; stdout belongs to the line that says `ready`."""

import logging
import sys
from typing import TextIO, cast

import structlog

LEVELS = ("debug", "info", "warning", "error")


class LogLevelError(ValueError):
    """`LOG_LEVEL` is none of the levels."""


class _Stderr:
    """`sys.stderr`, as it is when a line is written.

    Whoever read it may have gone away: then the line is lost and counted, and the manager goes on.
    """

    def __init__(self) -> None:
        self.lost = 0

    def write(self, text: str) -> None:
        """Write `text`, or lose it."""
        try:
            sys.stderr.write(text)
        except (OSError, ValueError):
            self.lost += 1

    def flush(self) -> None:
        """Flush what was written."""
        try:
            sys.stderr.flush()
        except (OSError, ValueError):
            self.lost += 1


STDERR = _Stderr()


def configure(level: str) -> None:
    """Send our and the libraries' logs to stderr from `level` on. Raises `LogLevelError`."""
    name = level.strip().lower() or "info"
    if name not in LEVELS:
        raise LogLevelError(f"LOG_LEVEL is {level!r}; set it to one of {', '.join(LEVELS)}")
    number = logging.getLevelNamesMapping()[name.upper()]
    logging.raiseExceptions = False  # a line that cannot be written must not become two
    logging.basicConfig(
        stream=cast(TextIO, STDERR),
        level=max(number, logging.WARNING),
        format="%(levelname)s %(name)s: %(message)s",
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(cast(TextIO, STDERR)),
        cache_logger_on_first_use=False,
    )
