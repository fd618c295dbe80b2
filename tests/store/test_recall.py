"""What the window forgot, DuckDB gives back: the outcome is that of a store in memory."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manager_agent.analytics.install import install
from manager_agent.receiver.call import Call
from manager_agent.receiver.changes import UsageKey
from manager_agent.receiver.remembered import Late, Published, Remembered
from manager_agent.receiver.sink import FactSink
from manager_agent.receiver.span import Span
from manager_agent.receiver.testing import NOW_NS, MemoryStore, span
from manager_agent.receiver.tool import ToolCall
from manager_agent.store.duck import FactStore
from tests.harness.stories import DOOR, Receiver, agent, llm, stories

DAY_NS = 86_400 * 10**9
TOOL = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "ask"}

Shown = tuple[object, ...]


@dataclass(frozen=True)
class Step:
    """Spans arrive, then time passes, then perhaps the manager is started again."""

    spans: list[Span]
    seconds: float
    restart: bool


@st.composite
def plays(draw: st.DrawFn) -> list[Step]:
    """A small story, shuffled, partly sent twice, in portions."""
    spans = draw(stories(traces=3, most=4))
    order = draw(st.permutations([*spans, *spans[: len(spans) // 2]]))
    steps = []
    while order:
        size = draw(st.integers(1, len(order)))
        seconds = draw(st.sampled_from([0.0, 1.0, 700.0]))
        steps.append(Step(order[:size], seconds, draw(st.integers(0, 3)) == 0))
        order = order[size:]
    return steps


def play(steps: list[Step], receiver: Receiver[FactStore] | Receiver[MemoryStore]) -> list[int]:
    """Return the duplicates seen at each step."""
    duplicates = []
    for step in steps:
        duplicates.append(receiver.take(step.spans))
        receiver.wait(step.seconds)
        if step.restart:
            receiver.restart()
    return duplicates


def opened(folder: Path) -> FactStore:
    return FactStore(folder / "facts.duckdb", DOOR, install)


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver[FactStore]]:
    made = Receiver(opened(tmp_path))
    yield made
    made.store.close()


def rows(store: FactStore, query: str) -> list[Shown]:
    cursor = store.cursor()
    try:
        return [tuple(row) for row in cursor.execute(query).fetchall()]
    finally:
        cursor.close()


def calls_in(store: FactStore) -> list[Shown]:
    return rows(
        store,
        "SELECT call_id, epoch_us(ts), duration_ms, agent, service, provider, operation,"
        " request_model, input_tokens, output_tokens, CAST(cost_usd * 1000000000 AS BIGINT),"
        " cost_source, status, error_type, response_id, emitters, trace_id, span_id"
        " FROM llm_calls ORDER BY call_id",
    )


def as_shown(call: Call) -> Shown:
    return (
        call.call_id, call.start_ns // 1000, call.duration_ms, call.agent, call.service,
        call.provider, call.operation, call.request_model, call.input_tokens, call.output_tokens,
        call.cost_nano, call.cost_source, "error" if call.error else "ok", call.error_type,
        call.response_id, call.emitters, call.trace_id, call.span_id,
    )  # fmt: skip


def minutes_in(store: FactStore) -> dict[UsageKey, Shown]:
    found = rows(
        store,
        "SELECT epoch_us(ts) * 1000, agent, provider, response_model, calls, errors,"
        " input_tokens, output_tokens, CAST(cost_usd * 1000000000 AS BIGINT) FROM usage_minute",
    )
    return {UsageKey(*row[:4]): row[4:] for row in found}  # type: ignore[arg-type]


def assert_same(facts: FactStore, memory: MemoryStore) -> None:
    """Users see the same calls and sums; and the next window would be told the same."""
    twins = sorted(memory.calls().values(), key=lambda call: call.call_id)
    assert calls_in(facts) == [as_shown(call) for call in twins]
    assert minutes_in(facts) == {
        key: (d.calls, d.errors, d.input_tokens, d.output_tokens, d.cost_nano)
        for key, d in memory.usage.items()
        if d.calls
    }
    assert told(facts) == told(memory)


def told(store: FactSink) -> tuple[list[Remembered], list[Call | ToolCall]]:
    """Return all that a window would be told at start, in an order of its own."""
    spans, published, _ = store.recent(0, 10**6)
    by_key = sorted(spans, key=lambda each: (each.trace_id, each.span_id))
    return by_key, sorted((each.row for each in published), key=lambda row: row[0])


@settings(max_examples=15, deadline=None)
@given(plays())
def test_every_story_ends_as_it_does_in_memory(
    tmp_path_factory: pytest.TempPathFactory, steps: list[Step]
) -> None:
    """Shuffled, repeated, sealed, restarted: each step and the end agree with the twin's."""
    twin = Receiver(MemoryStore())
    receiver = Receiver(opened(tmp_path_factory.mktemp("story")))
    try:
        assert play(steps, receiver) == play(steps, twin)
        assert_same(receiver.store, twin.store)
    finally:
        receiver.store.close()


def test_an_agent_that_arrives_after_its_call_was_sealed_corrects_it(
    receiver: Receiver[FactStore],
) -> None:
    receiver.take([llm("a", 2, parent=3), span("a", 3, parent=1, name="framework")])
    receiver.wait(700)
    assert agents(receiver.store) == ["service-1"]

    receiver.take([agent("a", 1, "writer", start_ns=NOW_NS - 10**9, lasts_ns=1000 * 10**9)])

    assert agents(receiver.store) == ["writer"]
    assert [(key.agent, row[0]) for key, row in minutes_in(receiver.store).items()] == [
        ("writer", 1)
    ]


def test_it_corrects_the_tool_calls_below_it_too(receiver: Receiver[FactStore]) -> None:
    receiver.take([span("a", 2, TOOL, parent=1)])
    receiver.wait(700)

    receiver.take([agent("a", 1, "writer")])

    assert rows(receiver.store, "SELECT agent, tool FROM tool_calls") == [("writer", "ask")]


@pytest.mark.parametrize(
    ("of_the_first", "of_the_second"),
    [
        pytest.param({}, {}, id="same process, same time"),
        pytest.param(
            {"attributes": {"gen_ai.response.id": "resp_1"}},
            {
                "attributes": {"gen_ai.response.id": "resp_1"},
                "process": "process-2",
                "start_ns": NOW_NS + 3 * 10**9,
            },
            id="same response id, other process, a little later",
        ),
        pytest.param(
            {"attributes": {"manager.call.id": "c" * 32}},
            {
                "attributes": {"manager.call.id": "c" * 32},
                "process": "process-2",
                "start_ns": NOW_NS + 30 * 10**9,
            },
            id="same call id of our guard, other process, half a minute later",
        ),
    ],
)
def test_two_emitters_in_two_traces_are_one_call_though_the_first_was_sealed(
    receiver: Receiver[FactStore], of_the_first: dict[str, Any], of_the_second: dict[str, Any]
) -> None:
    receiver.take([llm("a", 1, scope="one", **of_the_first)])
    receiver.wait(700)
    receiver.take([llm("b", 1, scope="two", **of_the_second)])

    assert rows(receiver.store, "SELECT emitters FROM llm_calls") == [("one,two",)]
    assert [row[0] for row in minutes_in(receiver.store).values()] == [1]


def test_a_guard_that_repeats_a_call_id_makes_no_second_row_of_that_id(
    receiver: Receiver[FactStore],
) -> None:
    stamp = {"manager.call.id": "c" * 32}
    receiver.take([llm("a", 1, attributes=stamp)])
    receiver.wait(700)
    receiver.take([llm("b", 1, attributes=stamp)])
    receiver.wait(700)

    assert rows(receiver.store, "SELECT call_id FROM llm_calls") == [("c" * 32,)]
    assert [row[0] for row in minutes_in(receiver.store).values()] == [1]


def test_two_calls_of_one_emitter_stay_two(receiver: Receiver[FactStore]) -> None:
    receiver.take([llm("a", 1)])
    receiver.wait(700)
    receiver.take([llm("b", 1)])

    assert rows(receiver.store, "SELECT count(*) FROM llm_calls") == [(2,)]


@pytest.mark.parametrize("seconds", [0, 700, 100_000], ids=["open", "sealed", "a day later"])
def test_a_batch_sent_again_counts_once(receiver: Receiver[FactStore], seconds: int) -> None:
    batch = [agent("a", 1, "writer"), llm("a", 2, parent=1), span("a", 3, TOOL, parent=1)]
    receiver.take(batch)
    receiver.wait(seconds)
    before = everything(receiver.store)

    assert receiver.take(batch) == 3

    receiver.wait(700)
    assert everything(receiver.store) == before


@pytest.mark.parametrize("seconds", [0, 500, 700], ids=["at once", "still open", "overdue"])
def test_a_restart_changes_nothing_and_forgets_nothing(
    receiver: Receiver[FactStore], tmp_path: Path, seconds: int
) -> None:
    """The file is opened anew; what comes later is merged as if nothing had happened."""
    batch = [llm("a", 2, parent=1, scope="sdk"), span("a", 3, TOOL, parent=1)]
    receiver.take(batch)
    before = everything(receiver.store)
    receiver.store.close()
    receiver.now_ns += seconds * 10**9
    receiver.restart(opened(tmp_path))
    assert everything(receiver.store) == before

    assert receiver.take(batch) == 2
    receiver.take([agent("a", 1, "writer"), llm("b", 1, scope="framework")])

    assert rows(receiver.store, "SELECT agent, emitters FROM llm_calls") == [
        ("writer", "framework,sdk")
    ]
    assert rows(receiver.store, "SELECT agent FROM tool_calls") == [("writer",)]
    assert [(k.agent, row[0]) for k, row in minutes_in(receiver.store).items()] == [("writer", 1)]


def test_what_was_retracted_stays_gone_after_a_restart(
    receiver: Receiver[FactStore], tmp_path: Path
) -> None:
    """Two claims turn out to be one call: one row is taken back, and at last nothing is left."""
    same = {"gen_ai.response.id": "resp_1"}
    receiver.take([llm("b", 1, attributes=same, scope="two", start_ns=NOW_NS + 10**9)])
    receiver.take([llm("a", 1, attributes=same, scope="one")])
    for _ in range(2):
        receiver.store.close()
        receiver.restart(opened(tmp_path))
        receiver.wait(700)

        assert rows(receiver.store, "SELECT emitters FROM llm_calls") == [("one,two",)]

    assert rows(receiver.store, "SELECT count(*) FROM calls_sealed") == [(1,)]
    assert rows(receiver.store, "SELECT count(*) FROM calls_open") == [(0,)]


@pytest.mark.parametrize(
    ("most_spans", "taken"),
    [
        pytest.param(0, "", id="none"),
        pytest.param(1, "d", id="a trace as a whole or not at all"),
        pytest.param(2, "d", id="the next one has two spans"),
        pytest.param(4, "acd", id="one that is too large alone is passed over"),
        pytest.param(5, "cd", id="one that is too much beside fresher ones ends it"),
        pytest.param(8, "bcd", id="the freshest three"),
        pytest.param(9, "abcd", id="all"),
    ],
)
def test_at_start_the_freshest_traces_are_taken_where_there_are_too_many(
    receiver: Receiver[FactStore], most_spans: int, taken: str
) -> None:
    for trace, number in {"a": 1, "b": 5, "c": 2, "d": 1}.items():
        receiver.take([llm(trace, each, start_ns=receiver.now_ns) for each in range(1, number + 1)])
        receiver.wait(1)

    spans, published, complete = receiver.store.recent(NOW_NS - 1, most_spans)

    assert {each.trace_id[0] for each in spans} == set(taken)
    assert {each.row.trace_id[0] for each in published} == set(taken)
    assert complete == (taken == "abcd")


def test_at_start_only_what_is_open_or_fresh_is_read(receiver: Receiver[FactStore]) -> None:
    receiver.take([llm("a", 1)])
    receiver.wait(700)
    receiver.take([llm("b", 1, start_ns=receiver.now_ns)])

    spans, _, complete = receiver.store.recent(NOW_NS + 600 * 10**9, 10)

    assert ({each.trace_id[0] for each in spans}, complete) == ({"b"}, True)


def test_relatives_say_whether_what_they_name_is_sealed(receiver: Receiver[FactStore]) -> None:
    late = Late(("a" * 32), NOW_NS, NOW_NS + 10**9, "", "", None, None)
    receiver.take([llm("a", 1)])
    still_open = version(receiver.store.relatives([late])[1])
    receiver.wait(700)
    sealed = version(receiver.store.relatives([late])[1])

    assert (still_open.sealed, sealed.sealed) == (False, True)
    assert replace(sealed, sealed=False) == still_open
    assert sealed.changed_ns == NOW_NS


def test_relatives_are_looked_for_within_a_day(receiver: Receiver[FactStore]) -> None:
    receiver.take([llm("a", 1, start_ns=NOW_NS - 2 * DAY_NS)])
    receiver.wait(700)

    def found(start_ns: int) -> int:
        late = Late("a" * 32, start_ns, start_ns, "", "", None, None)
        return len(receiver.store.relatives([late])[0])

    assert found(NOW_NS) == 0
    assert found(NOW_NS - DAY_NS) == 1


def version(published: list[Published]) -> Published:
    (only,) = published
    return only


def agents(store: FactStore) -> list[object]:
    return [row[0] for row in rows(store, "SELECT agent FROM llm_calls ORDER BY call_id")]


def everything(store: FactStore) -> list[list[Shown]]:
    return [
        calls_in(store),
        rows(store, "SELECT * FROM tool_calls ORDER BY span_id"),
        rows(store, "SELECT * FROM usage_minute"),
        rows(store, "SELECT trace_id, span_id, ts FROM spans ORDER BY ALL"),
    ]
