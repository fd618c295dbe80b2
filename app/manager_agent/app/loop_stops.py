"""Pauses the runs that a rule says must stop: as people would, and for people to let go on."""

import json
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any

import structlog

from manager_agent.contract.guard import PauseScope
from manager_agent.control.commands import PauseCalls
from manager_agent.control.keeper import KeeperError
from manager_agent.rules.alert import AlertRow

_log = structlog.get_logger()
_ANSWER_SECONDS = 5.0
_ONLY_OF_TELLING = frozenset({"muted", "unmuted", "silenced", "unsilenced", "told"})
"""Changes in who is told of an alert; nothing is worse than it was."""
_SCOPES: dict[str, PauseScope] = {"trace": "trace", "conversation": "conversation"}


class LoopStops:
    """Acts on alerts whose evidence says `action: stop`, once for each change of an alert.

    `ask` has a command decided. What cannot be kept at present is tried again with the next look.
    """

    def __init__(self, ask: Callable[[PauseCalls], Future[Any]]) -> None:
        self._ask = ask
        self._due: dict[tuple[str, str], PauseCalls] = {}

    def act(self, alerts: Sequence[AlertRow]) -> None:
        """Pause what alerts that just changed say must stop."""
        for command in filter(None, map(_pause, alerts)):
            self._due[command.scope, command.name] = command
        for key, command in list(self._due.items()):
            try:
                self._ask(command).result(_ANSWER_SECONDS)
            except (KeeperError, TimeoutError) as error:
                _log.error("a loop could not be stopped; trying again", at=key, error=repr(error))
                continue
            del self._due[key]
            _log.info("stopped a loop", scope=command.scope, name=command.name, who=command.by)


def _pause(alert: AlertRow) -> PauseCalls | None:
    """Return the pause that an alert asks for: of its trace or conversation, else of its agent."""
    evidence = json.loads(alert.evidence_json)
    if alert.state != "firing" or evidence.get("action") != "stop":
        return None
    if alert.reason in _ONLY_OF_TELLING:
        return None  # people may have let it go on
    scope = _SCOPES.get(evidence.get("run_is") or "")
    name = evidence.get("run") if scope else alert.agent
    if not name:
        return None
    return PauseCalls(scope or "agent", name, by=f"rule {alert.rule}", why=alert.message)
