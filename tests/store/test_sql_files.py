"""The SQL keeps the rules of docs/decisions/0002-append-only.md and 0003-duckdb-versions.md."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.facts import opened, rows

ROOT = Path(__file__).parents[2]
STORE = ROOT / "store" / "manager_agent" / "store"
SQLITE = {"control_sql", "control_migrations"}
FILES = sorted(
    path
    for folder in (STORE, ROOT / "analytics", ROOT / "app")
    for path in folder.rglob("*.sql")
    if path.parent.name not in SQLITE
)

FORBIDDEN = [
    "primary key", "unique", "foreign key", "references", "index", "update", "on conflict",
    "merge into", "insert or", "returning", "autoincrement", "sequence",
    r"alter table (?!\w+ (?:add column|rename to) )",
]  # fmt: skip
MAY_DELETE = {
    "seal.sql", "compact_usage.sql",
    "spans.sql", "calls_sealed.sql", "tools_sealed.sql", "manifest.sql", "expire.sql",
    "decisions.sql",
}  # fmt: skip


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def code(path: Path) -> str:
    """Return the statements of a file in lower case, without comments, with single spaces."""
    return " ".join(re.sub(r"--.*", "", path.read_text("utf-8")).lower().split())


def test_the_files_are_found() -> None:
    names = {path.name for path in FILES}
    assert {"0001_spine.sql", "seal.sql", "llm_calls.sql", "spend.sql", "unpriced.sql"} <= names


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_nothing_needs_a_key_an_index_or_an_update(path: Path) -> None:
    text = code(path)
    assert [word for word in FORBIDDEN if re.search(rf"\b{word}\b", text)] == []


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_rows_are_deleted_by_sealing_and_compaction_alone(path: Path) -> None:
    deletes = bool(re.search(r"\b(delete|truncate)\b", code(path)))
    assert deletes == (path.name in MAY_DELETE)


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_every_file_says_its_name(path: Path) -> None:
    assert path.read_text("utf-8").startswith(f"-- name: {path.stem}\n")


def test_the_file_is_pinned_to_what_duckdb_1_5_can_read(tmp_path: Path) -> None:
    store = opened(tmp_path)
    found = rows(store, "SELECT tags FROM duckdb_databases() WHERE database_name = 'manager'")
    store.close()

    assert found == [({"storage_version": "v1.5.0+"},)]


def columns_of(folder: Path) -> Iterator[tuple[str, str, str]]:
    store = opened(folder)
    yield from rows(store, "SELECT table_name, column_name, data_type FROM duckdb_columns()")
    store.close()


def test_money_and_time_have_one_type_each(tmp_path: Path) -> None:
    """So that the same schema runs on another engine: no zones, no doubles for money."""
    wrong = [
        (table, column, kind)
        for table, column, kind in columns_of(tmp_path)
        if (column.endswith("_usd") and not kind.startswith("DECIMAL("))
        or (column.endswith(("_ts", "ts", "_at", "_seen")) and "ZONE" in kind)
    ]
    assert wrong == []
