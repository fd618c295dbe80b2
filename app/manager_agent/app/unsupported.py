"""What may be configured but is not acted on yet: said aloud, refused where silence is unsafe."""

import structlog

from manager_agent.app.settings import Settings

_log = structlog.get_logger()

_NOT_YET = {
    "groups": "shared budgets of groups",
    "approval": "approvals",
    "breaker": "circuit breakers",
    "thresholds": "cost spike, loop and failure thresholds",
}


class UnsupportedError(Exception):
    """The configuration asks for protection that this version does not give."""


def refuse_unsafe(settings: Settings) -> None:
    """Raise `UnsupportedError` where ignoring a key would leave a door open."""
    asked = [
        key
        for key, written in (
            ("receiver.tls", settings.receiver.tls is not None),
            ("receiver.tokens", bool(settings.receiver.tokens)),
        )
        if written
    ]
    if asked:
        raise UnsupportedError(
            f"{' and '.join(asked)}: this version neither encrypts nor checks tokens; it listens on"
            " loopback only. Remove the key, and put a proxy or collector in front for other hosts"
        )


def warn_unused(settings: Settings) -> None:
    """Log each section that says something other than its default, though nothing acts on it."""
    plain = Settings()
    for section, what in _NOT_YET.items():
        if getattr(settings, section) != getattr(plain, section):
            _log.warning("configured, but not acted on yet", key=section, what=what)
    if any(entry.enforcement != "observe" for entry in settings.agent_budgets.values()):
        _log.info("budgets alert; this version refuses no calls")
