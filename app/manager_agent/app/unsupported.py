"""What may be configured but is not acted on yet, said aloud."""

import structlog

from manager_agent.app.settings import Settings

_log = structlog.get_logger()

_NOT_YET = {
    "approval": "approvals",
    "breaker": "circuit breakers",
    "thresholds": "cost spike, loop and failure thresholds",
}


def warn_unused(settings: Settings) -> None:
    """Log each section that says something other than its default, though nothing acts on it."""
    plain = Settings()
    for section, what in _NOT_YET.items():
        if getattr(settings, section) != getattr(plain, section):
            _log.warning("configured, but not acted on yet", key=section, what=what)
    if any(entry.enforcement != "observe" for entry in settings.agent_budgets.values()):
        _log.info("budgets alert; this version refuses no calls")
