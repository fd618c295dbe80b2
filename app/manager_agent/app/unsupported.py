"""What may be configured but is not acted on yet, said aloud."""

import structlog

from manager_agent.app.settings import Settings

_log = structlog.get_logger()

_NOT_YET = {
    "infinite_loop_calls_per_minute": "loops",
}


def warn_unused(settings: Settings) -> None:
    """Log each threshold that says something other than its default, though nothing acts on it."""
    plain = Settings()
    for name, what in _NOT_YET.items():
        if getattr(settings.thresholds, name) != getattr(plain.thresholds, name):
            key = f"thresholds.{name}"
            _log.warning("configured, but not acted on yet", key=key, what=what)
