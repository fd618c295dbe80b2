"""Databases of every schema version open and read right; unknown ones are refused.

The files under tests/data/databases/ were each written by the code of their version, with
`python -m tests.harness.database`.
"""

import gzip
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from manager_agent.store.duck import FactStore, StoreError
from manager_agent.store.sql_files import migrations, split
from tests.harness.database import ALERT, FOLDER, make
from tests.harness.facts import added, call, opened, records, rows
from tests.harness.stories import Receiver, agent, llm

DATABASES = sorted(FOLDER.glob("*.duckdb.gz"))
NEWEST = max(version for version, _, _ in migrations())
T0 = datetime(2027, 1, 15, 8)
LATER = datetime(2027, 1, 15, 8, 23, 20)
COST = Decimal("0.0000007")
LATER_OF_ALERTS = {"reason", "muted_by", "muted_why", "silenced_by"}


@pytest.fixture(params=DATABASES, ids=lambda path: path.name)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[FactStore]:
    """A database as users of that version have it, opened by today's code."""
    (tmp_path / "manager.duckdb").write_bytes(gzip.decompress(request.param.read_bytes()))
    found = opened(tmp_path)
    yield found
    found.close()


def test_its_calls_read_right(store: FactStore) -> None:
    """One was corrected after it was sealed, one merged of two emitters, one failed."""
    columns = (
        "call_id, ts, agent, provider, request_model, input_tokens, output_tokens, cost_usd,"
        " status, http_status, emitters"
    )
    assert rows(store, f"SELECT {columns} FROM llm_calls ORDER BY ts, call_id") == [
        (
            *("a" * 16 + "0" * 15 + "2", T0, "writer", "openai", "gpt-4o"),
            *(100, 5, COST, "ok", None, "test.scope"),
        ),
        (
            *("c" * 16 + "0" * 15 + "1", LATER, "service-1", "openai", "gpt-4o"),
            *(100, 5, COST, "ok", None, "one,two"),
        ),
        (
            *("d" * 16 + "0" * 15 + "1", LATER, "service-1", "openai", "gpt-4o"),
            *(0, None, 0, "error", 429, "test.scope"),
        ),
    ]


@pytest.mark.parametrize("grain", ["minute", "hour", "day"])
def test_its_rollups_read_right(store: FactStore, grain: str) -> None:
    columns = "agent, provider, response_model, calls, errors, input_tokens, cost_usd"
    assert rows(store, f"SELECT {columns} FROM usage_{grain} ORDER BY agent") == [
        ("service-1", "openai", "gpt-4o", 2, 1, 100, COST),
        ("writer", "openai", "gpt-4o", 1, 0, 100, COST),
    ]


def test_its_tool_calls_alerts_and_spans_read_right(store: FactStore) -> None:
    assert rows(store, "SELECT ts, agent, tool, status FROM tool_calls") == [
        (T0, "writer", "search", "ok")
    ]
    (alert,) = records(store, "SELECT * FROM alerts")
    assert {name: alert[name] for name in alert.keys() - LATER_OF_ALERTS} == {
        name: ALERT[name] for name in alert.keys() - LATER_OF_ALERTS
    }
    why = {name: alert[name] for name in LATER_OF_ALERTS}
    assert why in (dict.fromkeys(why), {name: ALERT[name] for name in why}), "NULL where unknown"
    assert rows(store, "SELECT count(*), count(fact) FROM spans") == [(6, 6)]


def test_its_window_goes_on(store: FactStore) -> None:
    """What was open is merged further, what was sealed corrected, what is sent again known."""
    receiver = Receiver(store)
    receiver.now_ns += 1400 * 10**9
    receiver.restart()
    at_ns = receiver.now_ns
    again = llm("c", 1, scope="one", attributes={"gen_ai.response.id": "resp_1"}, start_ns=at_ns)
    assert receiver.take([again]) == 1

    receiver.take([agent("d", 2, "editor"), llm("d", 3, parent=2, start_ns=at_ns)])
    receiver.take([llm("e", 1, start_ns=at_ns, scope="late")])
    receiver.wait(700)

    calls = rows(store, "SELECT sum(calls) FROM usage_day")
    assert calls == rows(store, "SELECT count(*) FROM llm_calls")
    assert rows(store, "SELECT count(*) FROM llm_calls WHERE agent = 'editor'") == [(1,)]
    assert rows(
        store, "SELECT count(*) FROM calls_sealed AS s JOIN calls_open USING (call_id)"
    ) == [(0,)]


def test_it_is_at_the_newest_version_afterwards(store: FactStore) -> None:
    known = [(version, name) for version, name, _ in migrations()]
    assert rows(store, "SELECT version, name FROM schema_migrations ORDER BY 1") == known


def test_it_has_the_tables_of_a_new_one(store: FactStore, tmp_path: Path) -> None:
    query = "SELECT table_name, column_name, data_type FROM duckdb_columns() ORDER BY ALL"
    (tmp_path / "new").mkdir()
    new = opened(tmp_path / "new")
    assert rows(store, query) == rows(new, query)
    new.close()


def test_opening_it_again_changes_nothing(store: FactStore) -> None:
    before = rows(store, "SELECT * FROM schema_migrations ORDER BY version")
    calls = rows(store, "SELECT * FROM llm_calls ORDER BY call_id")
    store.close()

    again = opened(store.path.parent)
    assert rows(again, "SELECT * FROM schema_migrations ORDER BY version") == before
    assert rows(again, "SELECT * FROM llm_calls ORDER BY call_id") == calls
    again.close()


def test_every_version_has_a_database() -> None:
    """With a new migration, add one: `python -m tests.harness.database`."""
    assert [int(path.name.split(".")[0]) for path in DATABASES] == [v for v, _, _ in migrations()]


def test_the_newest_file_is_what_the_code_makes(tmp_path: Path) -> None:
    """So that the script above still says how they were made."""
    made, kept = tmp_path / "made", tmp_path / "kept"
    made.mkdir()
    kept.mkdir()
    make(made)
    (kept / "manager.duckdb").write_bytes(gzip.decompress(DATABASES[-1].read_bytes()))
    one, other = opened(made), opened(kept)
    for table in ("llm_calls", "tool_calls", "usage_minute", "alerts", "calls_retracted"):
        query = f"SELECT * FROM {table} ORDER BY ALL"
        assert rows(one, query) == rows(other, query), table
    one.close()
    other.close()


def test_migrations_are_numbered_without_gaps() -> None:
    versions = [version for version, _, _ in migrations()]
    assert versions == list(range(1, len(versions) + 1))


@pytest.mark.parametrize(
    ("name", "text"), [(name, text) for _, name, text in migrations()], ids=lambda value: value[:9]
)
def test_a_migration_says_its_number_and_name(name: str, text: str) -> None:
    number, _, words = name.partition("_")
    assert len(number) == 4
    assert words
    assert text.startswith(f"-- name: {name}\n")


def test_a_newer_database_is_refused(tmp_path: Path) -> None:
    """Nothing in it is touched; both versions and what to do are said."""
    store = opened(tmp_path)
    store.append(added([call()]))
    insert = "INSERT INTO schema_migrations VALUES (?, 'from_the_future', current_localtimestamp())"
    store.cursor().execute(insert, [NEWEST + 1])
    store.close()
    before = store.path.read_bytes()

    with pytest.raises(StoreError) as refused:
        opened(tmp_path)

    assert str(refused.value) == (
        f"{store.path} has schema version {NEWEST + 1}, this manager-agent knows up to {NEWEST};"
        " start the newer manager-agent that wrote it, or use another --data-dir"
    )
    assert store.path.read_bytes() == before


def test_statements_are_split_as_duckdb_reads_them() -> None:
    text = "SELECT ';'; -- a; b\nSELECT 2;\n\n/* ; */ SELECT 3"
    with duckdb.connect() as con:
        assert [con.execute(each).fetchall() for each in split(text)] == [[(";",)], [(2,)], [(3,)]]
