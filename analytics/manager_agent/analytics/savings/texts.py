"""The SQL of savings: read from its files, and filled with ranges, rates and names."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from importlib.resources import files


def text(name: str) -> str:
    """Return the statement of `sql/savings/NAME.sql` without its comments."""
    path = files("manager_agent.analytics") / "sql" / "savings" / f"{name}.sql"
    lines = path.read_text("utf-8").strip().splitlines()
    return "\n".join(line for line in lines if not line.startswith("--"))


def filled(name: str, **values: str) -> str:
    """Return a statement with its marks `{name}` replaced by SQL."""
    found = text(name)
    for mark, value in values.items():
        found = found.replace(f"{{{mark}}}", value)
    return found


def moment(at: datetime) -> str:
    """Return a time as the tables have it, UTC, to the microsecond."""
    aware = at if at.tzinfo else at.replace(tzinfo=UTC)
    return f"TIMESTAMP '{aware.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}'"


def values(rows: Iterable[Sequence[object]]) -> str:
    """Return rows as what follows VALUES."""
    return ",\n    ".join(f"({', '.join(map(constant, row))})" for row in rows)


def constant(value: object) -> str:
    """Return a text, number, truth value or None in SQL."""
    if value is None:
        return "NULL"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return repr(value) if isinstance(value, float) else str(value)
