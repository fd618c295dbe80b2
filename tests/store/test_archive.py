"""Days move to Parquet files, and nothing that is asked of the store comes out differently."""

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from manager_agent.receiver.testing import span
from manager_agent.store import archive
from manager_agent.store.duck import FactStore
from manager_agent.store.sealing import Kept, Moved, Sealer
from tests.harness.facts import opened, rows
from tests.harness.stories import Receiver, agent, llm

DAY = 86_400.0
TOOL = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "search"}
CALLS = "SELECT * FROM llm_calls ORDER BY ALL"
SPANS = "SELECT * FROM spans_kept ORDER BY ALL"
TOOLS = "SELECT * FROM tool_calls ORDER BY ALL"
SUMS = "SELECT count(*), sum(total_tokens), sum(cost_usd) FROM llm_calls"
USAGE = "SELECT sum(calls), sum(input_tokens) + sum(output_tokens), sum(cost_usd) FROM usage_minute"


class Archived(Receiver[FactStore]):
    """A receiver whose store is sealed by its own clock, on its own thread."""

    def __init__(self, folder: Path) -> None:
        super().__init__(opened(folder))
        self.kept = Kept(live_days=2, archive_days=90)

    def clock(self) -> datetime:
        return datetime.fromtimestamp(self.now_ns / 1e9, UTC)

    def seal(self, **more: Any) -> Moved:
        return Sealer(self.store, lambda job: job(), self.clock, self.kept).run(**more)

    def read(self, query: str) -> list[tuple[Any, ...]]:
        return rows(self.store, query)

    def files(self) -> list[str]:
        return [file.path for file in self.store.archive.files]


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Archived]:
    made = Archived(tmp_path)
    yield made
    made.store.close()


@pytest.fixture
def sealed(receiver: Archived) -> Archived:
    """A day of two calls and a tool call that was sealed; the agent's span never came."""
    receiver.take([llm("a", 2, parent=1), span("a", 3, TOOL, parent=1), llm("b", 1, 50)])
    receiver.wait(700)
    receiver.wait(3 * DAY)
    assert len(receiver.seal().files) == 3
    return receiver


def test_what_is_asked_of_the_views_stays_the_same(receiver: Archived) -> None:
    receiver.take([llm("a", 2, parent=1), span("a", 3, TOOL, parent=1), llm("b", 1, 50)])
    receiver.wait(700)
    receiver.wait(3 * DAY)
    before = [receiver.read(query) for query in (CALLS, SPANS, TOOLS, SUMS, USAGE)]

    receiver.seal()

    assert [receiver.read(query) for query in (CALLS, SPANS, TOOLS, SUMS, USAGE)] == before
    assert receiver.read("SELECT count(*) FROM spans") == [(0,)]
    assert receiver.read("SELECT count(*) FROM calls_sealed") == [(0,)]
    assert receiver.files() == [
        f"archive/{table}/date=2027-01-15/part-0.parquet"
        for table in ("calls_sealed", "spans", "tools_sealed")
    ]


def test_the_list_says_what_each_file_holds(sealed: Archived) -> None:
    columns = "rows, tokens, cost_usd, min_ts, bytes, sha256"
    query = f"SELECT {columns} FROM archive_files WHERE table_name = 'calls_sealed'"
    ((count, tokens, cost, first, size, digest),) = sealed.read(query)

    path = sealed.store.path.parent / "archive/calls_sealed/date=2027-01-15/part-0.parquet"
    assert (count, tokens, cost) == sealed.read(SUMS)[0]
    assert first == datetime(2027, 1, 15, 8)
    assert size == path.stat().st_size
    assert digest == archive._digest(path)


def test_live_days_and_what_just_arrived_stay(receiver: Archived) -> None:
    receiver.take([llm("a", 1)])
    receiver.wait(700)
    receiver.wait(DAY)
    assert receiver.seal().files == []  # today and the day before

    receiver.wait(DAY)
    old_ns = receiver.now_ns - round(2 * DAY) * 10**9
    receiver.take([llm("b", 1, start_ns=old_ns)])
    receiver.seal()

    assert receiver.read("SELECT trace_id[1] FROM spans") == [("b",)]
    assert receiver.read("SELECT count(*) FROM llm_calls") == [(2,)]
    assert receiver.read(SUMS) == receiver.read(USAGE)


def test_a_call_that_is_open_is_not_archived(receiver: Archived) -> None:
    receiver.take([llm("a", 1)])
    receiver.now_ns += round(5 * DAY) * 10**9  # no sweep closes its window

    receiver.seal()

    assert receiver.read("SELECT count(*) FROM calls_open") == [(1,)]
    assert receiver.read(SUMS) == receiver.read(USAGE)


def test_spans_sent_again_are_known(sealed: Archived) -> None:
    assert sealed.take([llm("a", 2, parent=1), llm("b", 1, 50)]) == 2
    assert sealed.read("SELECT count(*) FROM spans_kept") == [(3,)]


@pytest.mark.parametrize("restart", [False, True])
def test_an_archived_call_is_corrected_and_its_day_sealed_again(
    sealed: Archived, restart: bool
) -> None:
    """The agent's span comes days late: the call gets its name, and is counted once."""
    sealed.take([agent("a", 1, "writer")])
    if restart:
        sealed.restart()
    by_agent = "SELECT agent, count(*) FROM llm_calls GROUP BY ALL ORDER BY ALL"
    assert sealed.read(by_agent) == [("service-1", 1), ("writer", 1)]
    sealed.wait(700)
    sealed.wait(7200)
    sums = sealed.read(SUMS)

    moved = sealed.seal()

    assert [file.part for file in moved.files] == [1, 1, 1]
    assert sealed.read(by_agent) == [("service-1", 1), ("writer", 1)]
    assert sealed.read(SUMS) == sums == sealed.read(USAGE)
    usage = "SELECT agent, CAST(sum(calls) AS INTEGER) FROM usage_day GROUP BY ALL ORDER BY ALL"
    assert sealed.read(usage) == sealed.read(by_agent)


def test_a_restart_in_the_middle_of_a_late_story_knows_all_of_it(sealed: Archived) -> None:
    """Half a trace is archived, half arrived just before the restart: nothing is doubled."""
    sealed.take([agent("a", 1, "writer")])
    sealed.restart()

    again = [llm("a", 2, parent=1), agent("a", 1, "writer"), span("a", 3, TOOL, parent=1)]
    assert sealed.take(again) == 3
    assert sealed.read(SUMS) == sealed.read(USAGE)


def test_what_was_taken_back_ends_at_the_seal(receiver: Archived) -> None:
    """A correction within the live days leaves neither the old version nor what took it back."""
    receiver.take([llm("a", 2, parent=1)])
    receiver.wait(700)
    receiver.take([agent("a", 1, "writer")])
    receiver.wait(700)
    assert receiver.read("SELECT count(*) FROM calls_retracted") == [(1,)]
    receiver.wait(3 * DAY)

    receiver.seal()

    assert receiver.read("SELECT count(*) FROM calls_retracted") == [(0,)]
    assert receiver.read("SELECT count(*) FROM calls_kept") == [(1,)]
    assert receiver.read(SUMS) == receiver.read(USAGE)


def test_a_file_that_is_not_listed_is_no_data_and_written_over(receiver: Archived) -> None:
    """As left by a process that was killed between the file and the transaction."""
    receiver.take([llm("a", 1)])
    receiver.wait(700)
    receiver.wait(3 * DAY)
    sealer = Sealer(receiver.store, lambda job: None, receiver.clock, receiver.kept)
    sealer.run()  # writes files; the transaction never comes
    assert receiver.files() == []
    assert len(receiver.store.archive.strays()) == 2
    sums = receiver.read(SUMS)

    receiver.seal()

    assert receiver.read(SUMS) == sums
    assert receiver.store.archive.strays() == []


def test_a_slice_that_changed_meanwhile_is_left_for_the_next_time(receiver: Archived) -> None:
    receiver.take([llm("a", 2, parent=1)])
    receiver.wait(700)
    receiver.wait(3 * DAY)

    jobs = []

    def after_a_correction(job: Any) -> None:
        jobs.append(job)
        if len(jobs) == 2:  # spans went first
            con = receiver.store.cursor()
            con.execute(
                "INSERT INTO calls_retracted SELECT call_id, revision, ts FROM calls_sealed"
            )
            con.close()
        job()

    moved = Sealer(receiver.store, after_a_correction, receiver.clock, receiver.kept).run()

    assert [file.table_name for file in moved.files] == ["spans"]
    assert "changed meanwhile" in moved.left[0]
    assert receiver.read("SELECT count(*) FROM calls_sealed") == [(1,)]


def test_a_big_day_moves_in_several_transactions(
    receiver: Archived, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "_SLICE_ROWS", 2)
    hour_ns = 3600 * 10**9
    spans = [llm("a", n, start_ns=receiver.now_ns + n * hour_ns // 2) for n in range(1, 9)]
    receiver.take(spans)
    receiver.wait(6 * 3600)
    receiver.wait(3 * DAY)
    sums = receiver.read(SUMS)

    moved = receiver.seal()

    assert [f.rows for f in moved.files if f.table_name == "spans"] == [1, 2, 2, 2, 1]
    assert receiver.read(SUMS) == sums


def test_old_days_leave_the_archive_and_rollups_stay(sealed: Archived) -> None:
    sealed.take([agent("a", 1, "writer")])
    sealed.wait(700)
    sealed.wait(100 * DAY)
    usage = sealed.read(USAGE)

    moved = sealed.seal()

    assert {file.day.isoformat() for file in moved.expired} == {"2027-01-15"}
    assert sealed.files() == []
    assert sealed.read(SUMS)[0][0] == 0
    assert sealed.read("SELECT count(*) FROM calls_retracted") == [(0,)]
    assert sealed.read(USAGE) == usage


def test_decisions_are_kept_as_long_as_the_archive(receiver: Archived) -> None:
    def decide(days_ago: int) -> None:
        ts = receiver.clock().replace(tzinfo=None) - timedelta(days=days_ago)
        receiver.store.rearrange(
            lambda con: con.execute("INSERT INTO decisions (ts, agent) VALUES (?, ?)", [ts, "a"])
        )

    for days_ago in (0, 89, 90, 91, 400):
        decide(days_ago)
    waited: list[int] = []

    def write(job: Callable[[], None]) -> None:
        waited.append(1)
        job()

    sealer = Sealer(receiver.store, write, receiver.clock, receiver.kept)
    sealer.run()

    today = receiver.clock().date()
    kept = receiver.read("SELECT ts FROM decisions ORDER BY ts DESC")
    assert [(today - ts.date()).days for (ts,) in kept] == [0, 89, 90]
    sealer.run()
    assert len(waited) == 1, "writers wait only where something is to be deleted"


def test_expired_files_go_when_nobody_reads_them(
    sealed: Archived, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_use = set(map(sealed.store.archive.path, sealed.store.archive.files))
    sealed.wait(100 * DAY)
    monkeypatch.setattr("manager_agent.store.sealing._READERS_GRACE_SECONDS", 0.0)
    sealer = Sealer(sealed.store, lambda job: job(), sealed.clock, sealed.kept, lambda: in_use)

    sealer.run()
    assert all(path.exists() for path in in_use)
    was, in_use = in_use, set()
    sealer.run()
    assert not any(path.exists() for path in was)


def test_before_is_a_day_that_is_over_at_most(sealed: Archived) -> None:
    sealed.take([llm("c", 1, start_ns=sealed.now_ns)])
    sealed.wait(700)
    sealed.wait(7200)

    assert sealed.seal(before=sealed.clock().date() + timedelta(days=5)).files == []
    sealed.wait(DAY)
    assert len(sealed.seal(before=sealed.clock().date()).files) == 2


def test_the_directory_may_be_moved(sealed: Archived) -> None:
    calls = sealed.read(CALLS)
    sealed.store.close()
    moved = sealed.store.path.parent.with_name("it's moved")
    os.rename(sealed.store.path.parent, moved)

    sealed.store = opened(moved)

    assert sealed.read(CALLS) == calls


def test_a_range_of_time_reads_only_files_that_overlap_it(sealed: Archived) -> None:
    """For what the receiver asks; queries are pruned by the files' own statistics."""
    con = sealed.store.cursor()
    low = datetime(2027, 1, 16)
    with sealed.store.archive.reading(con, low, low + timedelta(days=1)) as same:
        assert same is con
    with sealed.store.archive.reading(con, low - timedelta(days=1), low) as other:
        assert other is not con
        assert other.execute("SELECT count(*) FROM spans").fetchall() == [(3,)]
    assert con.execute("SELECT count(*) FROM spans").fetchall() == [(0,)]
    con.close()


def test_a_damaged_file_is_an_error_and_not_less_data(sealed: Archived) -> None:
    path = sealed.store.archive.path(sealed.store.archive.files[0])
    path.write_bytes(b"")

    with pytest.raises(duckdb.Error, match=r"part-0\.parquet"):
        sealed.read(SUMS)
