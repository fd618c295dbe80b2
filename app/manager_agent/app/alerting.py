"""What the API sees and does of rules and silences, and what the ticker is given for them."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeVar

import structlog

from manager_agent.api.services import Alerting, BusyError, RuleView
from manager_agent.app.evaluations import Evaluations
from manager_agent.app.own_rules import OwnRules
from manager_agent.app.settings import Settings
from manager_agent.app.tick import Ticker
from manager_agent.control.keeper import KeeperError
from manager_agent.rules.custom import custom_rules
from manager_agent.rules.manual import Manual, manual, manual_of_sql, manual_of_unusable
from manager_agent.rules.registry import CUSTOM, entries_from, unusable
from manager_agent.rules.silence import Silence
from manager_agent.store.silences import SilenceStore
from manager_agent.store.snapshot import Snapshots

_log = structlog.get_logger()
T = TypeVar("T")


def manuals(settings: Settings) -> list[Manual]:
    """Return the manual of every rule as it is configured, by name."""
    found = [manual(entry) for entry in entries_from(settings.rules)]
    found += [manual_of_unusable(name) for name in unusable()]
    found += [manual_of_sql(rule) for rule in custom_rules(settings.rules.get(CUSTOM))]
    return sorted(found, key=lambda one: one.name)


def own_rules(settings: Settings, snapshots: Snapshots, seen: Evaluations) -> OwnRules:
    """Return the rules that are SQL, as configured, over what is published."""
    rules = custom_rules(settings.rules.get(CUSTOM))
    return OwnRules(rules, lambda: snapshots.path if snapshots.current else None, seen)


def remind(settings: Settings) -> timedelta | None:
    """Return how often people hear what is still open."""
    hours = settings.monitoring.remind_hours
    return None if hours is None else timedelta(hours=hours)


def alerting(settings: Settings, ticker: Ticker, silences: SilenceStore) -> Alerting:
    """Return it over the parts of a running manager."""
    known = manuals(settings)

    def add(silence: Silence) -> None:
        _kept(lambda: silences.add(silence))
        said = [one.text for one in silence.matchers]
        _log.info("silenced", id=silence.id, matchers=said, who=silence.by, why=silence.why)

    def end(name: str, now: datetime, by: str) -> Silence | None:
        ended = _kept(lambda: silences.end(name, now, by))
        if ended is not None:
            _log.info("silence ended", id=name, who=by)
        return ended

    return Alerting(
        silences=silences.all,
        add_silence=add,
        end_silence=end,
        rules=lambda: [
            RuleView(one, ticker.evaluations.of(one.name), ticker.broken.get(one.name))
            for one in known
        ],
    )


def _kept(change: Callable[[], T]) -> T:
    """Return what a change of the store returns. Raises `BusyError`."""
    try:
        return change()
    except KeeperError as error:
        raise BusyError(f"it cannot be stored at present and was not done: {error}") from error
