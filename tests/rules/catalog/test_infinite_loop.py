"""A run that repeats itself is told at its third repeat; work that looks like it is not."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from manager_agent.analytics.frames import Frames
from manager_agent.rules.catalog.infinite_loop import InfiniteLoop
from manager_agent.rules.finding import Finding
from manager_agent.rules.testing import NOW, frames

Row = dict[str, Any]
BEGIN = NOW - timedelta(minutes=20)


def call(seconds: float, **said: Any) -> Row:
    """Return a model call that many seconds after BEGIN; a second long, unless said otherwise."""
    row = {"agent": "a1", "trace_id": "t1", "model": "gpt-5", "duration_ms": 1000.0, "cost": 10**7}
    return {**row, "status": "ok", **said, "ts": BEGIN + timedelta(seconds=seconds)}


def tool(seconds: float, name: str = "search", **said: Any) -> Row:
    """Return a tool call that many seconds after BEGIN."""
    row = {"agent": "a1", "trace_id": "t1", "tool": name, "duration_ms": 50.0, "status": "ok"}
    return {**row, **said, "ts": BEGIN + timedelta(seconds=seconds)}


def world(rows: Iterable[Row]) -> tuple[Frames, datetime]:
    """Return frames of calls and tools, and a moment two seconds after the last of them."""
    ordered = sorted(rows, key=lambda row: row["ts"])
    calls = [row for row in ordered if "tool" not in row]
    return (
        frames(calls=calls, tools=[row for row in ordered if "tool" in row]),
        ordered[-1]["ts"] + timedelta(seconds=2),
    )


def found(rows: Iterable[Row], **settings: Any) -> list[Finding]:
    return list(InfiniteLoop(**settings).find(*world(rows)))


def told_at(rows: Sequence[Row], **settings: Any) -> int | None:
    """Return after how many of the rows a loop is told first, None if never."""
    return next((n for n in range(3, len(rows) + 1) if found(rows[:n], **settings)), None)


def same_tool(times: int = 8, every: float = 4, **said: Any) -> list[Row]:
    known = {"arguments_digest": "x", "result_digest": "y", **said}
    return [tool(every * n, **known) for n in range(times)]


def round_of(names: str, times: int) -> Iterator[Row]:
    for n, name in enumerate(names * times):
        yield tool(3.0 * n, name, arguments_digest=f"x{name}", result_digest=f"y{name}")


LOOPS = [
    pytest.param(same_tool(), 4, id="same tool, arguments and result"),
    pytest.param(same_tool(result_digest=None), 7, id="results not known"),
    pytest.param(same_tool(status="error", error_type="E", result_digest=None), 5, id="same error"),
    pytest.param(list(round_of("ab", 6)), 8, id="a round of two"),
    pytest.param(list(round_of("abc", 6)), 12, id="a round of three"),
    pytest.param(
        [call(3 * n, prompt_digest="p", output_tokens=50 + n) for n in range(9)],
        5,
        id="same request, other answers",
    ),
    pytest.param(
        [call(3 * n, prompt_digest=f"p{n}", turn_digest="t", input_tokens=n) for n in range(9)],
        4,
        id="input grows by equal turns",
    ),
    pytest.param(
        [call(3 * n, input_tokens=700, output_tokens=40) for n in range(12)],
        8,
        id="no digests, equal counts",
    ),
    pytest.param(
        [call(3 * n, input_tokens=700 + 90 * n, output_tokens=40) for n in range(12)],
        9,
        id="no digests, equal growth",
    ),
    pytest.param(
        [call(3 * n, agent="ab"[n % 2], turn_digest="ab"[n % 2]) for n in range(12)],
        8,
        id="two agents hand over to each other",
    ),
    pytest.param(
        [call(2 * n, trace_id=f"t{n}", prompt_digest="p") for n in range(12)],
        8,
        id="a trace for each call",
    ),
    pytest.param(
        [
            tool(3 * n, arguments_digest=f"x{n}", status="error", error_type="Denied")
            for n in range(15)
        ],
        11,
        id="one error, whatever the arguments",
    ),
]


@pytest.mark.parametrize(("rows", "after"), LOOPS)
def test_told_after(rows: list[Row], after: int) -> None:
    assert told_at(rows) == after


def waiting(waits: Iterable[float], **said: Any) -> list[Row]:
    """Return the same tool call again after each of some seconds."""
    seconds, rows = 0.0, [tool(0, arguments_digest="x", result_digest="y", **said)]
    for wait in waits:
        seconds += wait
        rows.append(tool(seconds, arguments_digest="x", result_digest="y", **said))
    return rows


WORK = [
    pytest.param(
        [tool(n, "move", arguments_digest=f"x{n}", result_digest=f"y{n}") for n in range(90)],
        id="file by file",
    ),
    pytest.param(
        [tool(n, "move", arguments_digest=f"x{n}", result_digest="ok") for n in range(90)],
        id="file by file, each answered ok",
    ),
    pytest.param(
        [tool(n, "next_page", arguments_digest="x", result_digest=f"y{n}") for n in range(90)],
        id="same arguments, other results",
    ),
    pytest.param(waiting([30] * 30), id="regular and slow"),
    pytest.param(waiting([5, 4.5, 5.2] * 20, name="job_status"), id="polls by its name"),
    pytest.param(waiting([1, 2, 4, 8, 16, 32, 64]), id="longer and longer waits"),
    pytest.param(
        waiting([1, 2, 4, 8, 16], status="error", error_type="timeout"), id="retries that back off"
    ),
    pytest.param(
        [call(n, prompt_digest=f"p{n}", output_tokens=5, input_tokens=300) for n in range(90)],
        id="a batch of one template",
    ),
    pytest.param(
        [call(9 * n, turn_digest=f"t{n}", input_tokens=500 * n) for n in range(60)],
        id="a long chat",
    ),
    pytest.param(
        [call(0.01 * n, prompt_digest="p", duration_ms=4000.0) for n in range(8)],
        id="samples side by side",
    ),
    pytest.param(
        [
            row
            for n in range(20)
            for row in (
                call(4 * n, prompt_digest="p", output_tokens=20),
                tool(4 * n + 2, arguments_digest=f"x{n}", result_digest=f"y{n}"),
            )
        ],
        id="the same request, but tools move on",
    ),
    pytest.param(
        [
            call(40 * n, trace_id=f"t{n}", conversation_id=f"c{n}", prompt_digest="hello")
            for n in range(20)
        ],
        id="many people ask the same",
    ),
    pytest.param(
        [call(n, operation="embeddings", input_tokens=512, output_tokens=0) for n in range(50)],
        id="chunks of one size",
    ),
]


@pytest.mark.parametrize("rows", WORK)
def test_work_is_no_loop(rows: list[Row]) -> None:
    for seen in (8, len(rows) // 2, len(rows)):
        assert not found(rows[:seen])


def test_a_poll_without_waiting_is_a_loop_in_the_end() -> None:
    assert told_at(same_tool(40, every=0.4, tool="job_status")) == 21


def test_it_is_over_once_something_new_comes_or_nothing() -> None:
    rows = same_tool()
    seen, now = world([*rows, tool(40, arguments_digest="new", result_digest="new")])

    assert list(InfiniteLoop().find(seen, now))  # it was a loop a moment ago: people should know
    assert not list(InfiniteLoop().find(seen, now + timedelta(seconds=300)))


def test_what_people_read() -> None:
    calls = [
        call(4 * n - 2, input_tokens=1000 + 100 * n, output_tokens=50, cost=2 * 10**7)
        for n in range(8)
    ]

    [one] = found([*same_tool(), *calls])

    assert one.headline == (
        "a1 repeats the same step with the same result, 8 times since 14:10:00 UTC (search):"
        " $0.14 ($0.30 a minute), 10,150 tokens so far"
    )
    assert (one.severity, one.subject, one.level) == ("warning", "a1|t1", 0)
    assert one.evidence["score_parts"] == "proven 2.33, growing_input 0.10"
    assert one.evidence["repeats"] == 7


def test_one_loop_is_told_once_though_it_is_seen_in_many_ways() -> None:
    rows = [
        row | {"conversation_id": "c1"}
        for n in range(8)
        for row in (
            call(4 * n, turn_digest="t"),
            tool(4 * n + 2, arguments_digest="x", result_digest="y"),
        )
    ]

    assert [one.subject for one in found(rows)] == ["a1|t1"]


def test_two_runs_of_one_agent_are_two_loops() -> None:
    rows = [*same_tool(), *same_tool(trace_id="t2", arguments_digest="z")]

    assert sorted(one.subject for one in found(rows)) == ["a1|t1", "a1|t2"]


@pytest.mark.parametrize(
    ("settings", "severities", "action"),
    [
        pytest.param({"rungs": {"a1": "off"}}, [], None, id="off"),
        pytest.param({"rungs": {"a2": "off"}}, ["critical"], None, id="of another agent"),
        pytest.param({"rung": "annotate"}, ["info"], None, id="annotate"),
        pytest.param({"rung": "stop", "rungs": {"a1": "warn"}}, ["critical"], None, id="its own"),
        pytest.param({"rung": "stop"}, ["critical"], "stop", id="stop"),
        pytest.param({"rung": "stop", "stop_repeats": 20}, ["critical"], None, id="not yet"),
    ],
)
def test_the_ladder(settings: dict[str, Any], severities: list[str], action: str | None) -> None:
    told = found(same_tool(12), **settings)

    assert [one.severity for one in told] == severities
    assert [one.evidence["action"] for one in told] == [action] * len(severities)


def test_what_is_not_proven_is_stopped_by_its_cost_alone() -> None:
    rows = [call(3 * n, prompt_digest="p", cost=10**9) for n in range(6)]

    [one] = found(rows, rung="stop", stop_usd=6)
    [cheaper] = found(rows, rung="stop", stop_usd=6.01)

    assert (one.evidence["action"], cheaper.evidence["action"]) == ("stop", None)
