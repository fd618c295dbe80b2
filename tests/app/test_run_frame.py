"""What runs cost, from calls to the frame that rules see, live and in replays."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from manager_agent.analytics.questions import ask
from manager_agent.app.call_costs import Cost
from manager_agent.app.replay.past_runs import PastRuns
from manager_agent.app.run_frame import Runs
from manager_agent.receiver.testing import NOW_NS
from tests.harness.facts import added, call, opened

START = datetime.fromtimestamp(NOW_NS / 1e9, UTC)
CENT = 10**7
SECOND = 10**9


def cost(second: int, **values: Any) -> Cost:
    start_ns = NOW_NS + second * SECOND
    one = Cost("a", "openai", "m", 30 * CENT, False, start_ns, start_ns + SECOND, None, "t1")
    return one._replace(**values)


def test_a_conversation_is_one_run_over_many_traces_and_a_trace_without_one_too() -> None:
    runs = Runs()
    runs.note([cost(0, conversation_id="c1"), cost(5, conversation_id="c1", trace_id="t2")])
    runs.note([cost(6), cost(7)])

    first, second = runs.frame(START + timedelta(seconds=9)).sort("run_is").iter_rows(named=True)

    assert (first["run_is"], first["run"], first["cost"]) == ("conversation", "c1", 60 * CENT)
    assert (second["run_is"], second["run"], second["calls"]) == ("trace", "t1", 2)
    assert (second["since"], second["last"]) == (
        START + timedelta(seconds=6),
        START + timedelta(seconds=8),
    )


def test_a_restarted_manager_knows_what_runs_cost_before(tmp_path: Path) -> None:
    facts = opened(tmp_path)
    common: dict[str, Any] = {"agent": "a", "cost_source": "local", "duration_ms": 1000.0}
    early = NOW_NS - 7200 * SECOND
    facts.append(
        added(
            [
                call("c0", start_ns=early, cost_nano=10 * CENT, trace_id="t0", **common),
                call("c1", start_ns=NOW_NS, cost_nano=50 * CENT, conversation_id="x", **common),
                call("c2", start_ns=NOW_NS, cost_nano=None, conversation_id="x", **common),
                call("c3", start_ns=NOW_NS, cost_nano=25 * CENT, conversation_id="x", **common),
            ]
        )
    )
    runs = Runs()
    cursor = facts.cursor()
    runs.recall(cursor, START + timedelta(seconds=5))
    cursor.close()
    facts.close()
    runs.note([cost(6, conversation_id="x")])

    (row,) = runs.frame(START + timedelta(seconds=9)).iter_rows(named=True)
    assert (row["run"], row["cost"], row["calls"]) == ("x", 105 * CENT, 3)
    assert (row["earlier"], row["typical"]) == (1, 10 * CENT)


def test_of_many_runs_those_are_recalled_that_a_book_keeps(tmp_path: Path) -> None:
    """The newest of all, and before those the newest of each agent."""
    facts = opened(tmp_path)
    agents = "aababbab"
    calls = [
        call(f"c{n}", start_ns=NOW_NS + n * SECOND, agent=agent, cost_nano=CENT, trace_id=f"t{n}")
        for n, agent in enumerate(agents)
    ]
    facts.append(added(calls))
    with facts.cursor() as con:
        asked = {"start": START, "end": START + timedelta(minutes=1)}
        found = {
            (going, earlier): [
                row["trace_id"] for row in ask(con, "runs", **asked, going=going, earlier=earlier)
            ]
            for going, earlier in [(0, 1), (2, 1), (2, 2), (3, 0), (99, 0)]
        }
    facts.close()

    assert found == {
        (0, 1): ["t6", "t7"],
        (2, 1): ["t3", "t5", "t6", "t7"],
        (2, 2): ["t1", "t3", "t4", "t5", "t6", "t7"],
        (3, 0): ["t5", "t6", "t7"],
        (99, 0): [f"t{n}" for n in range(8)],
    }


def test_a_replay_goes_ahead_and_back_to_where_it_was() -> None:
    costs = [(second * 1_000_000, cost(second)) for second in range(10)]
    past = PastRuns()

    def calls(second: int) -> int:
        rows = past.at(second * 1_000_000, costs)
        return rows[0].run.calls if rows else 0

    assert [calls(second) for second in (0, 9, 1, 2, 3, 9)] == [1, 10, 2, 3, 4, 10]
