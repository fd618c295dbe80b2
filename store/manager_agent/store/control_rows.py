"""Records of the rules as rows of the control database, and back."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from datetime import UTC, datetime, timedelta
from typing import Any

from manager_agent.rules.alert import AlertRow
from manager_agent.rules.message import Message, Outgoing, Section

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def micros(moment: datetime) -> int:
    """Return an aware time as microseconds since 1970, exactly."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def moment(micros: int) -> datetime:
    """Return microseconds since 1970 as a time in UTC."""
    return _EPOCH + timedelta(microseconds=micros)


def message_row(message: Message) -> dict[str, Any]:
    """Return the parameters that queue a message."""
    document = asdict(message) | {"ts": micros(message.ts), "facts": dict(message.facts)}
    return {
        "key": message.key,
        "document": json.dumps(document, ensure_ascii=False),
        "now_us": micros(message.ts),
    }


def outgoing(document: str, attempts: int, queued_us: int) -> Outgoing:
    """Return a message of the outbox."""
    said = json.loads(document)
    sections = tuple(_section(part) for part in said.get("sections", ()))
    message = Message(**{**said, "ts": moment(said["ts"]), "sections": sections})
    return Outgoing(message, attempts, moment(queued_us))


def _section(part: Mapping[str, Any]) -> Section:
    rows = tuple(tuple(row) for row in part["rows"])
    return Section(part["title"], part["text"], tuple(part["columns"]), rows)


def alert_row(alert: AlertRow) -> dict[str, Any]:
    """Return the parameters that record a change of an alert."""
    columns = asdict(alert)
    resolved, at = columns.pop("resolved_ts"), columns.pop("changed_ts")
    return columns | {
        "ts_us": micros(columns.pop("ts")),
        "resolved_us": None if resolved is None else micros(resolved),
        "at_us": None if at is None else micros(at),
        "evidence": columns.pop("evidence_json"),
    }


def alert_of(row: Sequence[Any]) -> AlertRow:
    """Return a change of an alert as it was recorded; columns in the order of `AlertRow`."""
    values = dict(zip((field.name for field in fields(AlertRow)), row, strict=True))
    values["ts"] = moment(values["ts"])
    for name in ("resolved_ts", "changed_ts"):
        values[name] = None if values[name] is None else moment(values[name])
    values["told"] = None if values["told"] is None else bool(values["told"])
    return AlertRow(**values)
