"""The fact store: rows are exact, steps are whole, corrections leave one row and right sums."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from manager_agent.receiver.call import Call
from manager_agent.receiver.changes import Arrived, Changes, Retraction, ToolVersion
from manager_agent.receiver.fact import Fact, ToolFact
from manager_agent.receiver.testing import NOW_NS, span
from manager_agent.store import duck
from manager_agent.store.duck import FactStore, StoreError
from tests.harness.facts import added, call, opened, records, replaced, rows, tool_call

NOW = datetime(2027, 1, 15, 8, 0)
MINUTE_NS = 60 * 10**9
HOUR_NS = 60 * MINUTE_NS
GRAINS = ["minute", "hour", "day"]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[FactStore]:
    made = opened(tmp_path)
    yield made
    made.close()


def only(store: FactStore, table: str) -> dict[str, Any]:
    (row,) = records(store, f"SELECT * FROM {table}")
    return row


def sealing(*names: str) -> Changes:
    return Changes(NOW_NS, sealed_calls=list(names))


def test_a_call_reads_as_it_was_written(store: FactStore) -> None:
    full: dict[str, Any] = {
        "call_id": "c1", "duration_ms": 0.125, "agent": "Ägent 7", "service": "s",
        "environment": "prod", "provider": "openai", "operation": "chat",
        "request_model": "gpt-4o", "response_model": "gpt-4o-2024-08-06", "input_tokens": 10**12,
        "output_tokens": 7, "cache_read_tokens": 3, "cache_write_tokens": 2,
        "reasoning_tokens": 1, "cost_source": "local", "error_type": "timeout",
        "error_message": "too slow", "http_status": 504, "streaming": True,
        "finish_reason": "stop", "conversation_id": "conv", "user_id": "u", "trace_id": "a" * 32,
        "span_id": "b" * 16, "response_id": "resp_1", "emitters": "one,two",
        "prompt_digest": "0" * 32, "guarded": True, "usage_estimated": True,
        "turn_digest": "1" * 32, "service_tier": "flex", "holder": "h" * 36, "usd_lease": 7,
        "token_lease": 10**15,
    }  # fmt: skip
    store.append(
        added(
            [
                call(
                    **full,
                    start_ns=NOW_NS + 1000,
                    error=True,
                    cost_nano=1,
                    reported_cost_nano=1_234_567_890,
                    settled_nano=2,
                )
            ]
        )
    )

    assert only(store, "llm_calls") == {
        **full,
        "ts": NOW + timedelta(microseconds=1),
        "total_tokens": 10**12 + 7,
        "cost_usd": Decimal("0.000000001"),
        "status": "error",
        "reported_cost_usd": Decimal("1.234567890"),
        "settled_usd": Decimal("0.000000002"),
    }


def test_what_is_unknown_is_null_and_never_0(store: FactStore) -> None:
    store.append(added([call(output_tokens=5)]))

    row = only(store, "llm_calls")

    known = {
        "call_id", "ts", "duration_ms", "agent", "service", "operation", "output_tokens", "status",
        "trace_id", "span_id", "emitters", "guarded", "usage_estimated",
    }  # fmt: skip
    assert {name for name, value in row.items() if value is not None} == known
    assert row["status"] == "ok"


@pytest.mark.parametrize(
    ("nano", "usd"),
    [
        (None, None),
        (0, "0"),
        (1, "0.000000001"),
        (999_999_999, "0.999999999"),
        (1_000_000_001, "1.000000001"),
        (123_456_789_987_654_321, "123456789.987654321"),
        (10**18 - 1, "999999999.999999999"),
        (10**18, "999999999.999999999"),
    ],
    ids=str,
)
def test_money_is_exact_to_the_nano(store: FactStore, nano: int | None, usd: str | None) -> None:
    """The last is more than fits, and kept as the most that does."""
    one = call(cost_nano=nano, reported_cost_nano=nano)
    changes = added([one])
    changes.minutes.clear()

    store.append(changes)

    row = only(store, "llm_calls")
    assert row["cost_usd"] == row["reported_cost_usd"] == (None if usd is None else Decimal(usd))


@pytest.mark.parametrize("grain", GRAINS)
def test_rollups_add_up_to_the_nano(store: FactStore, grain: str) -> None:
    """A hundred times a third of a cent is no binary fraction."""
    store.append(added([call(f"c{n}", cost_nano=3_333_333) for n in range(100)]))
    store.append(added([call("d", cost_nano=1)]))

    assert only(store, f"usage_{grain}")["cost_usd"] == Decimal("0.333333301")


@pytest.mark.parametrize("grain", GRAINS)
def test_sums_beyond_any_bill_are_kept_and_compacted(store: FactStore, grain: str) -> None:
    """What an emitter says it cost may be nonsense; that must not stop the store."""
    most = 10**18 - 1
    store.append(added([call(f"c{n}", cost_nano=most) for n in range(20)]))
    store.append(replaced(call("c0", cost_nano=most), call("c0", cost_nano=0), revision=2))
    before = only(store, f"usage_{grain}")
    store.compact_usage(datetime(2000, 1, 1))

    assert before["cost_usd"] <= 19 * Decimal(most) / 10**9
    assert only(store, f"usage_{grain}") == before


@pytest.mark.parametrize("value", [True, False, None])
def test_a_boolean_has_three_values(store: FactStore, value: bool | None) -> None:
    store.append(added([call(streaming=value, guarded=bool(value), usage_estimated=bool(value))]))

    row = only(store, "llm_calls")
    assert row["streaming"] is value
    assert row["guarded"] is row["usage_estimated"] is bool(value)


@pytest.mark.parametrize(
    "text", ["'; DROP TABLE spans; --", "a\0b", "\N{SNOWMAN}\U0001f642" * 50_000, "", "\\N"]
)
def test_any_text_survives(store: FactStore, text: str) -> None:
    store.append(added([call(agent=text, conversation_id=text, error_message=text)]))

    row = only(store, "llm_calls")
    assert row["agent"] == row["conversation_id"] == row["error_message"] == text
    assert only(store, "usage_minute")["agent"] == text


def test_a_tool_call_reads_as_it_was_written(store: FactStore) -> None:
    fact = ToolFact("search", "call_1", True, "boom", "it broke", "1" * 32, None)
    store.append(added(tools=[tool_call(fact=fact, conversation_id="conv")]))

    assert only(store, "tool_calls") == {
        "ts": NOW, "duration_ms": 20.0, "agent": "writer", "service": "desk", "environment": None,
        "tool": "search", "tool_call_id": "call_1", "status": "error", "error_type": "boom",
        "error_message": "it broke", "arguments_digest": "1" * 32, "result_digest": None,
        "conversation_id": "conv", "trace_id": "a" * 32, "span_id": "d" * 16,
    }  # fmt: skip


def test_a_span_is_stored_without_its_content(store: FactStore) -> None:
    attributes = {"gen_ai.request.model": "gpt-4o", "gen_ai.prompt": "my diary", "n": 3}
    one = span("a", 1, attributes, message="key sk-proj-1234567890abcdef is wrong", status=2)
    store.append(Changes(NOW_NS, spans=[Arrived(one, Fact("genai"))]))

    row = only(store, "spans")
    assert row["parent_span_id"] is None
    assert (row["ts"], row["end_ts"]) == (NOW, NOW + timedelta(seconds=1))
    assert (row["kind"], row["status"], row["role"]) == ("client", "error", "genai")
    assert row["attributes"] == '{"gen_ai.request.model":"gpt-4o","n":3}'
    assert row["status_message"] == "key [masked] is wrong"
    assert row["received_ts"] == NOW


def test_rollups_hold_each_bucket_model_and_agent_apart(store: FactStore) -> None:
    store.append(
        added(
            [
                call("c1", response_model="m", input_tokens=1, output_tokens=2, cost_nano=3),
                call("c2", request_model="m", start_ns=NOW_NS + MINUTE_NS, cost_source="unpriced"),
                call("c3", response_model="m", start_ns=NOW_NS + HOUR_NS, error=True),
                call("c4", response_model="m", agent="other", cache_read_tokens=4),
                call("c5", request_model="n", provider="openai", cache_write_tokens=5),
            ]
        )
    )

    columns = "agent, provider, response_model, calls, errors, input_tokens, output_tokens"
    more = "cache_read_tokens, cache_write_tokens, cost_usd, unpriced_calls, duration_ms_sum"
    found = rows(store, f"SELECT ts, {columns}, {more} FROM usage_hour ORDER BY ALL")
    cost = Decimal("0.000000003")
    later = NOW + timedelta(hours=1)
    assert found == [
        (NOW, "other", None, "m", 1, 0, 0, 0, 4, 0, 0, 0, 1500.0),
        (NOW, "writer", "openai", "n", 1, 0, 0, 0, 0, 5, 0, 0, 1500.0),
        (NOW, "writer", None, "m", 2, 0, 1, 2, 0, 0, cost, 1, 3000.0),
        (later, "writer", None, "m", 1, 1, 0, 0, 0, 0, 0, 0, 1500.0),
    ]
    assert len(rows(store, "FROM usage_minute")) == 5
    assert len(rows(store, "FROM usage_day")) == 3


@pytest.mark.parametrize("grain", GRAINS)
def test_a_corrected_call_leaves_its_bucket(store: FactStore, grain: str) -> None:
    old, new = call(agent="unknown", cost_nano=5), call(agent="writer", cost_nano=7)
    store.append(added([old]))
    store.append(replaced(old, new, revision=2))

    row = only(store, f"usage_{grain}")
    assert (row["agent"], row["calls"], row["cost_usd"]) == ("writer", 1, Decimal("7e-9"))


def test_the_latest_revision_counts_whatever_the_order(store: FactStore) -> None:
    store.append(added([call(agent="second")], revision=2))
    changes = added([call(agent="first")], revision=1)
    changes.minutes.clear()
    store.append(changes)

    assert only(store, "llm_calls")["agent"] == "second"


@pytest.mark.parametrize(
    ("value", "error"),
    [
        pytest.param({"http_status": 2**40}, duckdb.Error, id="DuckDB refuses"),
        pytest.param(
            {"output_tokens": 2**70}, (pa.ArrowException, OverflowError), id="Arrow refuses"
        ),
    ],
)
def test_a_step_is_stored_whole_or_not_at_all(
    store: FactStore, value: dict[str, Any], error: type[Exception]
) -> None:
    """A number that fits no column fails the step; the next one finds a usable store."""
    changes = added([call(**value)])
    changes.spans.append(Arrived(span("a", 1), None))
    with pytest.raises(error):
        store.append(changes)

    assert rows(store, "SELECT count(*) FROM spans") == [(0,)]
    store.append(added([call()]))
    assert only(store, "llm_calls")["call_id"] == "c1"
    assert only(store, "usage_minute")["calls"] == 1


def test_sealing_moves_the_last_version(store: FactStore) -> None:
    old = call(agent="first", cost_nano=1)
    store.append(added([old, call("c2")], [tool_call()]))
    store.append(replaced(old, call(agent="last", cost_nano=2), revision=2))
    before = calls_and_tools(store)

    store.append(Changes(NOW_NS, sealed_calls=["c1"], sealed_tools=[tool_call().key]))

    assert calls_and_tools(store) == before
    assert rows(store, "SELECT call_id, revision, agent FROM calls_sealed") == [("c1", 2, "last")]
    assert rows(store, "SELECT call_id FROM calls_open") == [("c2",)]
    assert rows(store, "SELECT count(*) FROM tools_open") == [(0,)]


def test_a_sealed_call_that_is_corrected_shows_one_row(store: FactStore) -> None:
    old, new = call(agent="first"), call(agent="second")
    store.append(added([old]))
    store.append(sealing("c1"))
    correction = replaced(old, new, revision=2)
    correction.retracted_calls.append(Retraction("c1", 1, NOW_NS))
    store.append(correction)
    corrected = only(store, "llm_calls")
    store.append(sealing("c1"))

    assert corrected["agent"] == "second"
    assert only(store, "llm_calls") == corrected
    assert rows(store, "SELECT revision FROM calls_sealed ORDER BY ALL") == [(1,), (2,)]


def test_a_sealed_tool_call_that_is_corrected_shows_one_row(store: FactStore) -> None:
    tool = tool_call()
    store.append(added(tools=[tool]))
    store.append(Changes(NOW_NS, sealed_tools=[tool.key]))
    correction = Changes(NOW_NS, tools=[ToolVersion(tool._replace(agent="late"), 2)])
    correction.retracted_tools.append(Retraction(tool.key, 1, NOW_NS))
    store.append(correction)

    assert only(store, "tool_calls")["agent"] == "late"


def test_a_call_taken_away_vanishes_then_and_for_good(store: FactStore) -> None:
    old = call(cost_nano=5)
    store.append(added([old, call("c2")]))
    store.append(replaced(old, None, revision=2))
    taken_away = calls_and_tools(store)
    store.append(Changes(NOW_NS, dropped_calls=["c1"]))

    assert [row["call_id"] for row in taken_away[0]] == ["c2"]
    assert calls_and_tools(store) == taken_away
    assert only(store, "usage_day")["cost_usd"] == 0
    assert rows(store, "SELECT call_id FROM calls_open") == [("c2",)]
    assert rows(store, "SELECT count(*) FROM calls_sealed") == [(0,)]


def test_compaction_keeps_the_sums_and_halves_the_rows(store: FactStore) -> None:
    for number in range(2):
        store.append(
            added(
                [
                    call(f"c{number}-{at}", start_ns=NOW_NS + at * HOUR_NS, cost_nano=at + number)
                    for at in range(48)
                ]
            )
        )
    before = rollups(store)
    kept = deltas(store)

    store.compact_usage(datetime(2000, 1, 1))

    assert rollups(store) == before
    assert deltas(store) == {grain: count // 2 for grain, count in kept.items()}
    assert kept == {"minute": 96, "hour": 96, "day": 6}


def test_compaction_leaves_earlier_buckets_alone(store: FactStore) -> None:
    yesterday_ns = NOW_NS - 24 * HOUR_NS
    for number in range(2):
        store.append(added([call(f"a{number}", start_ns=yesterday_ns), call(f"b{number}")]))

    store.compact_usage(NOW.replace(hour=0))

    assert deltas(store) == dict.fromkeys(GRAINS, 3)


def test_maintenance_compacts_once_many_deltas_came_together(
    store: FactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the start of the oldest day that got one, so that the day's own bucket shrinks too."""
    monkeypatch.setattr(duck, "_MANY_DELTAS", 3)
    for number in range(2):
        store.append(added([call(f"a{number}")]))
    store.maintain()
    too_few = deltas(store)
    store.append(added([call("b", start_ns=NOW_NS + HOUR_NS)]))
    store.maintain()

    assert too_few == dict.fromkeys(GRAINS, 2)
    assert deltas(store) == {"minute": 2, "hour": 2, "day": 1}
    assert sum(row[3] for row in rollups(store)["minute"]) == 3


def test_a_file_that_grew_much_is_opened_anew_once_nobody_reads(
    store: FactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database of the instance's own is how the test tells one instance from the next."""
    monkeypatch.setattr(duck, "_MANY_ROWS", 2)
    reader = store.cursor()
    reader.execute("ATTACH ':memory:' AS mark")
    store.append(added([call("c1")]))
    store.refresh()
    grown_too_little = _marked(store)
    store.append(added([call("c2")]))
    store.refresh()
    read_meanwhile = reader.execute("SELECT call_id FROM llm_calls ORDER BY ALL").fetchall()
    reader.close()
    store.refresh()
    store.append(added([call("c3")]))
    again = store.cursor()
    again.execute("ATTACH ':memory:' AS mark")
    again.close()
    store.refresh()

    assert grown_too_little
    assert read_meanwhile == [("c1",), ("c2",)]
    assert _marked(store), "it was opened a second time, for one row"
    assert rows(store, "SELECT call_id FROM llm_calls ORDER BY ALL") == [("c1",), ("c2",), ("c3",)]


def _marked(store: FactStore) -> bool:
    found = rows(store, "SELECT count(*) FROM duckdb_databases() WHERE database_name = 'mark'")
    return found == [(1,)]


def test_overdue_calls_are_sealed_and_those_taken_away_go(store: FactStore) -> None:
    gone = call("gone")
    store.append(added([call("old"), gone, call("touched")], [tool_call()], revision=1))
    store.append(replaced(gone, None, revision=2))
    store.append(replaced(call("touched"), call("touched", agent="late"), revision=9))

    assert store.seal_overdue(9) == 3

    assert rows(store, "SELECT call_id FROM calls_sealed") == [("old",)]
    assert rows(store, "SELECT DISTINCT call_id FROM calls_open") == [("touched",)]
    assert rows(store, "SELECT count(*) FROM tools_sealed") == [(1,)]
    assert store.seal_overdue(9) == 0


def test_all_is_there_after_the_file_was_closed_and_opened(store: FactStore) -> None:
    store.append(added([call("c1", cost_nano=5), call("c2")], [tool_call()]))
    store.append(sealing("c1"))
    before = [*calls_and_tools(store), rollups(store)]
    store.close()
    store.close()

    again = opened(store.path.parent)
    assert [*calls_and_tools(again), rollups(again)] == before
    again.close()


def test_another_process_is_told_who_has_the_file(store: FactStore) -> None:
    script = (
        "import sys; from pathlib import Path; from tests.harness.facts import opened\n"
        "from manager_agent.store.duck import StoreError\n"
        "try: opened(Path(sys.argv[1]))\n"
        "except StoreError as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(store.path.parent)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert f"{store.path} is in use by another process" in done.stdout
    assert "--data-dir" in done.stdout


@pytest.mark.parametrize("content", [b"not a database" * 1000, None], ids=["text", "a directory"])
def test_a_file_that_is_no_database_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "manager.duckdb"
    path.mkdir() if content is None else path.write_bytes(content)

    with pytest.raises(StoreError, match=rf"^{path} cannot be opened: "):
        opened(tmp_path)


def test_a_reader_sees_whole_steps_while_others_are_written(store: FactStore) -> None:
    """A call and its share of the rollup come in one transaction."""
    reader = store.cursor()
    seen: list[tuple[int, int]] = []
    stop = threading.Event()

    def read() -> None:
        query = (
            "SELECT (SELECT count(*) FROM llm_calls),"
            " (SELECT coalesce(sum(calls), 0) FROM usage_minute)"
        )
        while not stop.is_set():
            seen.extend(reader.execute(query).fetchall())

    thread = threading.Thread(target=read)
    thread.start()
    try:
        written = 0
        deadline = datetime.now(UTC) + timedelta(seconds=20)
        while (written < 10 or len(set(seen)) < 3) and datetime.now(UTC) < deadline:
            store.append(added([call(f"c{written}")], revision=written))
            store.append(sealing(f"c{written}"))
            written += 1
    finally:
        stop.set()
        thread.join()

    assert len(set(seen)) >= 3, "the reader never ran between two steps"
    assert all(calls == counted for calls, counted in seen)
    assert seen == sorted(seen)


def calls_and_tools(store: FactStore) -> list[list[dict[str, Any]]]:
    return [
        records(store, "SELECT * FROM llm_calls ORDER BY call_id"),
        records(store, "SELECT * FROM tool_calls ORDER BY span_id"),
    ]


def rollups(store: FactStore) -> dict[str, list[tuple[Any, ...]]]:
    columns = "ts, agent, response_model, calls, input_tokens, cost_usd, duration_ms_sum"
    query = f"SELECT {columns} FROM usage_{{}} ORDER BY ALL"
    return {grain: rows(store, query.format(grain)) for grain in GRAINS}


def deltas(store: FactStore) -> dict[str, int]:
    """Return the number of rows behind each rollup."""
    query = "SELECT count(*) FROM usage_{}_deltas"
    return {grain: rows(store, query.format(grain))[0][0] for grain in GRAINS}


def test_an_unpriced_call_costs_nothing_in_the_rollups_and_is_counted(store: FactStore) -> None:
    unknown: Call = call(input_tokens=5, output_tokens=1, cost_source="unpriced")
    store.append(added([unknown, call("c2", cost_nano=4)]))

    row = only(store, "usage_day")
    assert (row["cost_usd"], row["unpriced_calls"], row["calls"]) == (Decimal("4e-9"), 1, 2)
