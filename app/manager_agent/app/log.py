"""Logs: one line an event, to stderr; stdout belongs to the line that says `ready`."""

import logging
import sys

import structlog

LEVELS = ("debug", "info", "warning", "error")


class LogLevelError(ValueError):
    """`LOG_LEVEL` is none of the levels."""


def configure(level: str) -> None:
    """Send our and the libraries' logs to stderr from `level` on. Raises `LogLevelError`."""
    name = level.strip().lower() or "info"
    if name not in LEVELS:
        raise LogLevelError(f"LOG_LEVEL is {level!r}; set it to one of {', '.join(LEVELS)}")
    number = logging.getLevelNamesMapping()[name.upper()]
    logging.basicConfig(
        stream=sys.stderr,
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
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
