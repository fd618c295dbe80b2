"""What a snapshot costs, what it is made of, and that those who read an old one keep it."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import process_time, time_ns

import duckdb
import pytest

from manager_agent.store import pieces, readers
from manager_agent.store.query_check import Refused, check
from manager_agent.store.query_worker import open_sandboxed
from manager_agent.store.sealing import Kept, Sealer
from manager_agent.store.snapshot import Snapshots
from tests.harness.bulk import assert_exact, fill
from tests.harness.facts import opened

NOW = datetime(2026, 11, 23, 12, 30, tzinfo=UTC)
TODAY = datetime(2026, 11, 23)
HOUR = timedelta(hours=1)

# Opens the snapshot, says so, and counts its calls again after each line it is sent.
READER = """
import duckdb, sys
con = duckdb.connect(sys.argv[1], read_only=True)
print(con.execute("SELECT count(*) FROM llm_calls").fetchall()[0][0], flush=True)
for line in sys.stdin:
    print(con.execute("SELECT count(*), sum(cost_usd) FROM llm_calls").fetchall()[0][0], flush=True)
"""


class Published:
    """A store, and snapshots of it that are published when one is asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = opened(folder)
        self.snapshots = self.publisher()
        self._minute = 0

    def publisher(self) -> Snapshots:
        return Snapshots(self.folder / "snapshot", self.store.cursor, lambda: NOW, time_ns)

    def add(self, calls: int, low: datetime | None = None) -> None:
        """Store calls of the next minute of today, or from `low` on."""
        self._minute += 1
        low = low or TODAY + timedelta(minutes=self._minute)
        con = self.store.cursor()
        fill(con, calls, low, low + timedelta(minutes=1))
        con.close()

    def publish(self) -> int:
        """Publish; return the number of calls the snapshot has, all sums of it being right."""
        with duckdb.connect(str(self.snapshots.publish(NOW).path), read_only=True) as con:
            return assert_exact(con)

    def seal(self) -> int:
        sealer = Sealer(self.store, lambda job: job(), lambda: NOW, Kept())
        return len(sealer.run().files)

    @property
    def pieces(self) -> set[str]:
        return {path.name for path in (self.folder / "snapshot" / "pieces").iterdir()}


@pytest.fixture
def published(tmp_path: Path) -> Iterator[Published]:
    (tmp_path / "data").mkdir()
    made = Published(tmp_path / "data")
    yield made
    made.store.close()


def test_ten_times_the_history_costs_no_more(published: Published) -> None:
    """Processor time, as other processes do not count in it. Copying would cost ten times."""
    costs = []
    for history in (20_000, 200_000):
        published.add(history)
        published.publish()
        costs.append(sorted(_cost(published) for _ in range(5))[2])

    assert costs[1] < 2 * costs[0] + 0.05, f"{costs} seconds"


def _cost(published: Published) -> float:
    published.add(500)
    began = process_time()
    published.snapshots.publish(NOW)
    return process_time() - began


def test_a_publication_writes_what_is_new_alone(published: Published) -> None:
    published.add(300)
    assert published.publish() == 300
    before = published.pieces
    published.add(7)

    assert published.publish() == 307

    new = published.pieces - before
    assert before <= published.pieces  # the snapshot before may be read still
    folder = published.folder / "snapshot" / "pieces"
    with duckdb.connect() as con:
        counts = {
            name.split("-")[0]: con.execute(f"SELECT count(*) FROM '{folder / name}'").fetchall()
            for name in new
        }
    assert counts == {"spans": [(7,)], "calls_sealed": [(7,)], "open": [(0,)]}


def test_many_small_pieces_become_one(
    published: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(published.snapshots._readers, "_grace", 0.0)
    for number in range(1, 13):
        published.add(10)
        assert published.publish() == 10 * number

    of_calls = published.snapshots._state.of("calls_sealed")
    assert len(of_calls) < pieces._FAN + 3
    assert len(published.pieces) < 60


def test_a_full_piece_is_never_written_again(
    published: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pieces, "_FULL_ROWS", 100)
    published.add(150)
    published.publish()
    (full,) = published.snapshots._state.of("calls_sealed")
    for _ in range(9):
        published.add(10)
        published.publish()

    assert full in published.snapshots._state.of("calls_sealed")
    assert published.publish() == 240


def test_the_archive_takes_rows_and_the_snapshot_follows(published: Published) -> None:
    """Also where a checkpoint renumbers the rows that stay."""
    for days in (5, 4, 0):
        published.add(3000, TODAY - timedelta(days=days) + HOUR)
    assert published.publish() == 9000

    assert published.seal() == 4
    assert published.publish() == 9000
    published.store.cursor().execute("CHECKPOINT")
    published.add(40)
    assert published.publish() == 9040
    published.add(60, TODAY - timedelta(days=4))  # late, of a sealed day
    assert published.publish() == 9100
    assert published.seal() == 2
    published.add(5)
    assert published.publish() == 9105
    assert not [n for n in map(str, published.snapshots._state.of("spans")) if "2026-11-18" in n]


def test_a_restart_begins_anew(published: Published) -> None:
    published.add(100)
    published.publish()
    published.snapshots = published.publisher()
    published.add(20)

    assert published.publish() == 120


def test_pieces_that_somebody_deleted_are_written_again(published: Published) -> None:
    published.add(100)
    published.publish()
    for path in (published.folder / "snapshot" / "pieces").iterdir():
        path.unlink()
    published.add(20)

    assert published.publish() == 120


def test_old_minutes_lie_in_a_file_and_their_corrections_are_seen(published: Published) -> None:
    published.add(100, TODAY - timedelta(days=9))
    assert published.publish() == 100
    published.add(50, TODAY - timedelta(days=9) + HOUR)

    assert published.publish() == 150


def test_the_directory_may_be_moved_and_the_snapshot_follows(published: Published) -> None:
    published.add(100, TODAY - timedelta(days=4))
    published.seal()
    published.publish()
    published.store.close()
    moved = published.folder.with_name("it's moved")
    published.folder.rename(moved)

    published.folder, published.store = moved, opened(moved)
    published.snapshots = published.publisher()

    assert published.publish() == 100


def test_a_reader_in_another_process_keeps_its_snapshot(published: Published) -> None:
    """As long as it has it open, and not longer: the lock that DuckDB holds on it tells."""
    published.snapshots._readers = readers.Readers(published.folder / "snapshot" / "held", 0.0)
    published.add(10)
    path = published.snapshots.publish(NOW).path
    mine = published.pieces
    with subprocess.Popen(
        [sys.executable, "-c", READER, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as reader:
        assert reader.stdin is not None
        assert reader.stdout is not None
        assert reader.stdout.readline() == "10\n"
        for _ in range(pieces._FAN):  # so many that its pieces are merged away
            published.add(10)
            published.publish()
        assert not mine & {file.name for file in published.snapshots._state.files}

        reader.stdin.write("again\n")
        reader.stdin.flush()
        assert reader.stdout.readline() == "10\n"
        assert mine <= published.pieces
        reader.stdin.close()
        reader.wait(30)
    published.add(10)
    published.publish()
    assert not mine & published.pieces


@pytest.mark.parametrize("opens", [40, pytest.param(300, marks=pytest.mark.slow)])
def test_no_open_ever_fails_while_snapshots_are_replaced(published: Published, opens: int) -> None:
    """Another process opens it as often as it can."""
    published.add(200)
    path = published.snapshots.publish(NOW).path
    code = (
        "import duckdb, sys\n"
        "opens = 0\n"
        "print('ready', flush=True)\n"
        "while opens < int(sys.argv[2]):\n"
        "    with duckdb.connect(sys.argv[1], read_only=True) as con:\n"
        "        rows = con.execute('SELECT count(*) FROM llm_calls').fetchall()[0][0]\n"
        "        spans = con.execute('SELECT count(*) FROM spans').fetchall()[0][0]\n"
        "    assert rows == spans >= 200, (rows, spans)\n"
        "    opens += 1\n"
        "print(opens)\n"
    )
    command = [sys.executable, "-c", code, str(path), str(opens)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as reader:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "ready\n"
        published_meanwhile = 0
        while reader.poll() is None:
            published.add(5)
            published.publish()
            published_meanwhile += 1
        assert reader.returncode == 0
        assert reader.stdout.read() == f"{opens}\n"
    assert published_meanwhile >= 3


def test_views_read_their_files_in_the_sandbox_and_nothing_else_does(published: Published) -> None:
    published.add(100, TODAY - timedelta(days=4))
    published.seal()
    published.add(10)
    path = published.snapshots.publish(NOW).path
    secret = published.folder / "secret.parquet"
    with duckdb.connect() as con:
        con.execute(f"COPY (SELECT 1 AS x) TO '{secret}'")

    con = open_sandboxed(path)

    assert assert_exact(con) == 110
    for query in (f"FROM '{secret}'", f"FROM read_parquet('{secret}')", "FROM glob('/etc/*')"):
        with pytest.raises(duckdb.PermissionException):
            con.execute(query)
    con.close()


def test_all_tables_of_a_snapshot_are_of_one_moment(published: Published) -> None:
    """Each batch is one transaction of calls, spans and rollups."""
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            published.add(20)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        counts = [published.publish() for _ in range(6)]
    finally:
        stop.set()
        writer.join()
    assert counts == sorted(counts)
    assert all(count % 20 == 0 for count in counts)


def test_a_statement_that_names_a_piece_is_refused(published: Published) -> None:
    published.add(10)
    con = open_sandboxed(published.snapshots.publish(NOW).path)
    piece = published.snapshots._state.of("spans")[0]

    assert con.execute(f"SELECT count(*) FROM '{piece}'").fetchall() == [
        (10,)
    ]  # the settings let it
    for query in (
        f"SELECT * FROM '{piece}'",
        f'SELECT * FROM "{piece}"',
        f"SELECT * FROM read_parquet('{piece}')",
        f"WITH x AS (FROM '{piece}') FROM x",
        f"SELECT 1 WHERE EXISTS (FROM '{piece.parent}/*.parquet')",
        f"SUMMARIZE '{piece}'",
        f"COPY (SELECT 1) TO '{piece.parent}/evil.parquet'",
    ):
        with pytest.raises(Refused):
            check(con, query)
    con.close()
