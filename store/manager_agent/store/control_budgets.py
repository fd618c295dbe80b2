"""Budgets set while the manager runs, in the control database, each with its line in the audit."""

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from manager_agent.contract.budget import Limits
from manager_agent.contract.command import SetBudget
from manager_agent.store.control import ControlStore
from manager_agent.store.control_file import ControlStoreError
from manager_agent.store.control_rows import micros, moment

_USD = ("hourly_limit_usd", "daily_limit_usd", "monthly_limit_usd")


@dataclass(frozen=True, slots=True)
class ControlEvent:
    """What somebody had the manager do: when (UTC), what kind, to whom, who, and details as JSON.

    No two events have the same `ts`.
    """

    ts: datetime
    kind: str
    subject: str
    actor: str
    detail: str


class BudgetStore:
    """The tables of budgets within a control store; what a method did is on the disk."""

    def __init__(self, control: ControlStore) -> None:
        self._control = control

    def overrides(self) -> dict[str, Limits]:
        """Return the limits that were set, by agent. Raises `ControlStoreError`."""
        rows = self._control.rows("budgets", "overrides")
        try:
            return {agent: _limits(text) for agent, text in rows}
        except (ValueError, TypeError, ArithmeticError) as error:
            raise ControlStoreError(f"a budget that was set cannot be read: {error}") from error

    def put(self, command: SetBudget, before: Limits | None) -> None:
        """Keep what was commanded and its line in the audit together.

        Raises `ControlStoreError` where the disk fails; then neither is kept.
        """
        at = micros(command.at)
        kept: tuple[str, dict[str, object]] = ("remove", {"agent": command.agent})
        if command.limits is not None:
            limits = json.dumps(document(command.limits))
            kept = ("override", {"agent": command.agent, "limits": limits, "set_us": at})
        detail = {"before": _or_none(before), "after": _or_none(command.limits), "why": command.why}
        event = {
            "ts_us": at,
            "kind": "set_budget" if command.limits else "remove_budget",
            "subject": command.agent,
            "actor": command.who,
            "detail": json.dumps(detail, ensure_ascii=False),
        }
        try:
            self._control.write_all("budgets", [kept, ("record", event)])
        except sqlite3.Error as error:
            raise ControlStoreError(
                f"the budget of {command.agent} is not kept: {error}"
            ) from error

    def events_since(self, ts: datetime) -> list[ControlEvent]:
        """Return the events after `ts`, in order."""
        rows = self._control.rows("budgets", "since", ts_us=micros(ts))
        return [ControlEvent(moment(at), *rest) for at, *rest in rows]


def document(limits: Limits) -> dict[str, Any]:
    """Return `limits` as JSON has it: amounts of USD are texts, exact."""
    return {
        name: str(value) if isinstance(value, Decimal) else value
        for name, value in asdict(limits).items()
    }


def _or_none(limits: Limits | None) -> dict[str, Any] | None:
    return None if limits is None else document(limits)


def _limits(text: str) -> Limits:
    said: Mapping[str, Any] = json.loads(text)
    exact = {name: Decimal(said[name]) for name in _USD if said.get(name) is not None}
    return Limits(**{**said, **exact})
