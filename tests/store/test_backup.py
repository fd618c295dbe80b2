"""A backup holds one moment, says what it holds, and is restored whole or not at all."""

import json
import tarfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from manager_agent.store.backup import BackupError, Manifest, write_backup
from manager_agent.store.control import ControlStore
from manager_agent.store.digest_key import digest_key
from manager_agent.store.restore import pack, restore
from tests.harness.facts import added, call, opened, rows

NOW = datetime(2027, 1, 15, 8, tzinfo=UTC)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data directory with two calls, control state, a key and an archive."""
    folder = tmp_path / "data"
    folder.mkdir()
    store = opened(folder)
    store.append(added([call("c1", cost_nano=5), call("c2", cost_nano=7)]))
    store.close()
    ControlStore(folder / "control.sqlite").close()
    digest_key(folder / "digest.key")
    day = folder / "archive" / "calls" / "date=2027-01-14"
    day.mkdir(parents=True)
    (day / "part-0.parquet").write_bytes(b"a sealed day")
    return folder


def take(
    data: Path, target: Path, meanwhile: Callable[[duckdb.DuckDBPyConnection], object] | None = None
) -> Manifest:
    """Back `data` up; `meanwhile` happens right after the moment of the backup."""
    with duckdb.connect(str(data / "manager.duckdb")) as con, con.cursor() as other:

        def between(job: Callable[[], None]) -> None:
            job()
            if meanwhile is not None:
                meanwhile(other)

        return write_backup(con.cursor(), data, target, between, lambda: NOW, "1.2.3")


def test_all_of_it_comes_back(data: Path, tmp_path: Path) -> None:
    take(data, tmp_path / "backup")

    manifest, aside = restore(tmp_path / "backup", tmp_path / "new", NOW, force=False)

    assert aside is None
    assert manifest.tables["calls_open"] == 2
    assert (tmp_path / "new" / "digest.key").read_bytes() == (data / "digest.key").read_bytes()
    parquet = "archive/calls/date=2027-01-14/part-0.parquet"
    assert (tmp_path / "new" / parquet).read_bytes() == b"a sealed day"
    for secret in ("digest.key", "control.sqlite"):
        assert (tmp_path / "new" / secret).stat().st_mode & 0o077 == 0
    store, kept = opened(tmp_path / "new"), opened(data)
    for table in ("llm_calls", "usage_minute", "usage_day", "schema_migrations"):
        query = f"SELECT * FROM {table} ORDER BY ALL"
        assert rows(store, query) == rows(kept, query)
    store.append(added([call("c3")]))
    store.close()
    kept.close()


def test_it_is_the_moment_it_was_begun(data: Path, tmp_path: Path) -> None:
    manifest = take(
        data,
        tmp_path / "backup",
        lambda con: con.execute("INSERT INTO calls_open SELECT * FROM calls_open"),
    )

    assert manifest.moment == "2027-01-15T08:00:00+00:00"
    assert manifest.tables["calls_open"] == 2
    with duckdb.connect(str(data / "manager.duckdb")) as con:
        assert con.execute("SELECT count(*) FROM calls_open").fetchall() == [(4,)]


@pytest.mark.parametrize("name", ["b.tar", "b.tar.gz", "b.tgz"])
def test_it_may_be_one_file(data: Path, tmp_path: Path, name: str) -> None:
    take(data, tmp_path / "backup")
    pack(tmp_path / "backup", tmp_path / name)

    restore(tmp_path / name, tmp_path / "new", NOW, force=False)

    assert (tmp_path / name).stat().st_mode & 0o077 == 0
    assert (tmp_path / "new" / "manager.duckdb").exists()


def test_what_is_there_is_moved_aside_and_only_if_asked(data: Path, tmp_path: Path) -> None:
    take(data, tmp_path / "backup")
    with pytest.raises(BackupError, match="is there already"):
        restore(tmp_path / "backup", data, NOW, force=False)

    _, aside = restore(tmp_path / "backup", data, NOW, force=True)

    assert aside == tmp_path / "data-before-restore-20270115T080000Z"
    assert (aside / "archive").is_dir()
    assert (data / "manager.duckdb").exists()


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def say(path: Path, **more: object) -> None:
    manifest = json.loads(path.read_text("utf-8"))
    path.write_text(json.dumps({**manifest, **more}), "utf-8")


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda b: flip(b / "manager.duckdb"), "manager.duckdb is not as it was written"),
        (lambda b: flip(b / "control.sqlite"), "control.sqlite is not as it was written"),
        (lambda b: (b / "digest.key").unlink(), "digest.key is missing"),
        (lambda b: (b / "more").write_bytes(b""), "more is not part of it"),
        (lambda b: (b / "backup.json").unlink(), "is no backup"),
        (lambda b: (b / "backup.json").write_text("{}", "utf-8"), "is no manifest"),
        (lambda b: say(b / "backup.json", format=2), "has format 2, this manager-agent knows 1"),
        (
            lambda b: say(b / "backup.json", schema={"facts": 99, "control": 1}),
            "facts has schema 99",
        ),
        (lambda b: say(b / "backup.json", tables={}), "does not hold what backup.json says"),
    ],
)
def test_a_spoilt_one_is_refused_and_nothing_touched(
    data: Path, tmp_path: Path, spoil: Callable[[Path], None], told: str
) -> None:
    take(data, tmp_path / "backup")
    spoil(tmp_path / "backup")
    before = (data / "manager.duckdb").read_bytes()

    with pytest.raises(BackupError, match=told):
        restore(tmp_path / "backup", data, NOW, force=True)

    assert (data / "manager.duckdb").read_bytes() == before
    assert {path.name for path in tmp_path.iterdir()} == {"backup", "data"}


def test_a_file_that_reaches_out_is_refused(tmp_path: Path) -> None:
    (tmp_path / "evil").write_text("x", "utf-8")
    with tarfile.open(tmp_path / "b.tar", "w") as tar:
        tar.add(tmp_path / "evil", "../outside")

    with pytest.raises(BackupError, match="is nothing a backup holds"):
        restore(tmp_path / "b.tar", tmp_path / "deep" / "new", NOW, force=False)
    assert not (tmp_path / "deep" / "outside").exists()


def test_a_place_that_is_taken_is_refused(data: Path, tmp_path: Path) -> None:
    (tmp_path / "backup").mkdir()
    (tmp_path / "backup" / "mine").write_text("x", "utf-8")

    with pytest.raises(BackupError, match="is there already"):
        take(data, tmp_path / "backup")
    assert (tmp_path / "backup" / "mine").exists()


def test_one_that_fails_leaves_nothing_behind(data: Path, tmp_path: Path) -> None:
    (data / "digest.key").unlink()

    with pytest.raises(BackupError, match="no backup of"):
        take(data, tmp_path / "backup")
    assert not (tmp_path / "backup").exists()
