"""What people read about a rule: what it tells, and its settings with what holds."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from inspect import getdoc
from typing import Any, Literal

from pydantic import TypeAdapter

from manager_agent.rules.custom import SqlRule
from manager_agent.rules.registry import CUSTOM, ENABLED, Entry, catalog

Origin = Literal["catalog", "package", "sql"]


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: what it means, its default and the value that holds, both as JSON has them."""

    name: str
    about: str
    default: Any
    value: Any


@dataclass(frozen=True, slots=True)
class Manual:
    """A rule's manual. `origin`: the catalog, another package, or SQL in the configuration.

    `key`: where its settings stand in the configuration.
    """

    name: str
    origin: Origin
    enabled: bool
    summary: str
    text: str
    key: str
    settings: tuple[Setting, ...]


def manual(entry: Entry) -> Manual:
    """Return the manual of a rule that is a class, as it is configured."""
    cls = type(entry.rule)
    adapter = TypeAdapter[Any](cls)
    text = getdoc(cls) or ""
    values: Mapping[str, Any] = adapter.dump_python(entry.rule, mode="json")
    about: Mapping[str, Any] = adapter.json_schema().get("properties", {})
    switch = Setting(ENABLED, "Whether it runs.", default=True, value=entry.enabled)
    return Manual(
        name=entry.name,
        origin="catalog" if entry.name in catalog() else "package",
        enabled=entry.enabled,
        summary=text.split("\n", 1)[0],
        text=text,
        key=f"rules.{entry.name}",
        settings=(switch, *(_setting(name, one, values) for name, one in about.items())),
    )


def manual_of_sql(rule: SqlRule) -> Manual:
    """Return the manual of a rule that is SQL."""
    values = {name: _plain(value) for name, value in rule.model_dump(by_alias=True).items()}
    about = SqlRule.model_json_schema()["properties"]
    return Manual(
        name=rule.name,
        origin="sql",
        enabled=rule.enabled,
        summary=rule.message,
        text=f"{rule.message}\n\nEach row of this is something wrong:\n\n{rule.sql.strip()}",
        key=f"rules.{CUSTOM}",
        settings=tuple(_setting(name, one, values) for name, one in about.items()),
    )


def manual_of_unusable(name: str) -> Manual:
    """Return what can be said of a rule of another package that cannot be used."""
    text = "A rule of another package that cannot be used."
    return Manual(name, "package", True, text, text, f"rules.{name}", ())


def _setting(name: str, about: Mapping[str, Any], values: Mapping[str, Any]) -> Setting:
    meaning = " ".join(str(about.get("description", "")).split())
    default = about.get("default")
    return Setting(name, meaning, "0s" if default == "PT0S" else default, values.get(name))


def _plain(value: Any) -> Any:
    """Return a duration as people write it."""
    return f"{value.total_seconds():g}s" if isinstance(value, timedelta) else value
