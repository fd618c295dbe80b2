"""The control store: what was committed is kept whole, what is to be said is said once."""

import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from manager_agent.rules.alert import AlertRow
from manager_agent.rules.finding import Finding
from manager_agent.rules.memory import Memory
from manager_agent.rules.step import Step, step
from manager_agent.store.control import ControlStore, ControlStoreError, GivenUp
from manager_agent.store.sql_files import migrations
from tests.harness.outbox import due, put_off, refused, sent
from tests.harness.programs import ROOT

NOW = datetime(2026, 11, 23, 14, 0, 0, 123456, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def finding(subject: str = "a1", level: int = 0) -> Finding:
    return Finding(
        rule="loop",
        subject=subject,
        agent="a1",
        severity="warning",
        title=f"{subject} loops",
        headline=f"{subject} made 12 calls – Grüße",
        evidence={"z": 1, "a_usd": "0.42", "none": None, "share": 0.1, "yes": True},
        level=level,
    )


def ticked(store: ControlStore, *findings: Finding, now: datetime = NOW) -> Step:
    """Do what a tick does."""
    done = step(store.memory(), findings, now)
    store.commit(done)
    return done


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "control.db"


@pytest.fixture
def store(path: Path) -> Iterator[ControlStore]:
    with ControlStore(path) as opened:
        yield opened


def test_a_new_store_remembers_nothing(store: ControlStore) -> None:
    assert store.memory() == Memory()
    assert store.outbox_counts() == {"pending": 0, "sent": 0, "given_up": 0}
    assert store.alerts() == []


def test_a_step_is_kept_whole_and_survives_closing(path: Path) -> None:
    with ControlStore(path) as store:
        done = ticked(store, finding())

    with ControlStore(path) as store:
        assert store.memory() == done.memory
        assert [outgoing.message for outgoing in due(store, NOW, 10)] == list(done.messages)
        assert store.alerts() == list(done.alerts)


def test_facts_keep_their_order_and_types(store: ControlStore) -> None:
    ticked(store, finding())

    [outgoing] = due(store, NOW, 1)

    assert list(outgoing.message.facts.items()) == list(finding().evidence.items())
    assert outgoing.message.ts == outgoing.queued == NOW


def test_a_step_that_fails_leaves_nothing_behind(store: ControlStore) -> None:
    """The second change with a revision that is taken fails, after messages were written."""
    done = ticked(store, finding())
    twice = replace(done, messages=(replace(done.messages[0], key="other"),))

    with pytest.raises(sqlite3.IntegrityError):
        store.commit(twice)

    assert store.outbox_counts()["pending"] == 1
    ticked(store, finding("a2"), now=NOW + MINUTE)
    assert store.outbox_counts()["pending"] == 2


def test_a_key_that_was_said_is_not_said_again(store: ControlStore) -> None:
    done = ticked(store, finding())
    sent(store, done.messages[0].key, NOW)

    store.commit(Step(Memory(), done.messages))

    assert store.outbox_counts() == {"pending": 0, "sent": 1, "given_up": 0}


def test_nothing_new_writes_nothing(path: Path, store: ControlStore) -> None:
    done = ticked(store, finding())
    wal = path.with_name("control.db-wal")
    size = wal.stat().st_size

    store.commit(Step(done.memory))

    assert wal.stat().st_size == size


def test_messages_are_claimed_in_the_order_they_were_queued(store: ControlStore) -> None:
    ticked(store, finding("b"), finding("c"), now=NOW)
    ticked(store, finding("b"), finding("c"), finding("a"), now=NOW + MINUTE)

    claimed = due(store, NOW + MINUTE, 10)

    assert [one.message.headline[0] for one in claimed] == ["b", "c", "a"]
    assert due(store, NOW + MINUTE, 2) == claimed[:2]
    assert [one.message.headline[0] for one in due(store, NOW, 10)] == ["b", "c"]


def test_the_life_of_a_message(store: ControlStore) -> None:
    key = ticked(store, finding()).messages[0].key

    put_off(store, key, NOW + MINUTE, "HTTP 500")
    assert due(store, NOW, 1) == []
    [again] = due(store, NOW + MINUTE, 1)
    assert (again.attempts, again.queued) == (1, NOW)

    refused(store, key, NOW + MINUTE, "channel_not_found")
    assert due(store, NOW + 9 * MINUTE, 1) == []
    assert store.given_up() == [GivenUp(key, "slack: channel_not_found", 2, NOW + MINUTE)]

    assert store.revive(NOW + 2 * MINUTE) == 1
    assert due(store, NOW + MINUTE, 1) == []
    [revived] = due(store, NOW + 2 * MINUTE, 1)
    assert revived.attempts == 0

    sent(store, key, NOW + 3 * MINUTE)
    assert due(store, NOW + 9 * MINUTE, 1) == []
    assert store.outbox_counts() == {"pending": 0, "sent": 1, "given_up": 0}
    assert store.revive(NOW) == 0


def test_alerts_as_they_are_and_as_they_changed(store: ControlStore) -> None:
    ticked(store, finding("a"), finding("b"))
    ticked(store, finding("b", level=1), now=NOW + MINUTE)

    changes = store.alert_changes_since(0)

    assert [(one.title[0], one.state) for one in changes] == [
        ("a", "firing"),
        ("b", "firing"),
        ("a", "resolved"),
        ("b", "firing"),
    ]
    assert changes[2].resolved_ts == NOW + MINUTE
    assert store.alert_changes_since(changes[1].revision) == changes[2:]
    assert store.alerts() == [changes[3], changes[2]]
    assert store.alerts(open_only=True) == [changes[3]]


def test_a_change_has_the_columns_of_the_table_users_query() -> None:
    with duckdb.connect() as con:
        for _, _, text in migrations():
            con.execute(text)
        columns = con.table("alert_events").columns

    names = [field.name.removesuffix("_json") for field in fields(AlertRow)]

    assert names == columns


def test_what_is_long_over_can_be_deleted(store: ControlStore) -> None:
    old = ticked(store, finding("old"), finding("open"))
    sent(store, old.messages[0].key, NOW)
    ticked(store, finding("open"), now=NOW + MINUTE)

    assert store.prune(NOW) == 0
    assert store.prune(NOW + 2 * MINUTE) == 3  # a message and the two changes of its alert

    assert [alert.title for alert in store.alerts()] == ["open loops"]
    assert store.outbox_counts() == {"pending": 1, "sent": 0, "given_up": 0}


def test_only_its_owner_may_read_it(path: Path, store: ControlStore) -> None:
    ticked(store, finding())

    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}

    assert modes == dict.fromkeys(("control.db", "control.db-wal", "control.db-shm"), 0o600)


def test_a_file_that_others_could_read_is_closed_to_them(path: Path) -> None:
    path.touch(0o644)

    with ControlStore(path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_commits_are_synced(store: ControlStore) -> None:
    """FULL, in WAL mode: a commit that returned survives a power cut."""
    con = store._con

    assert con.execute("PRAGMA journal_mode").fetchall() == [("wal",)]
    assert con.execute("PRAGMA synchronous").fetchall() == [(2,)]


def test_a_newer_file_is_refused_and_left_alone(path: Path) -> None:
    with sqlite3.connect(path) as con:
        con.execute("PRAGMA user_version = 99")
    con.close()

    with pytest.raises(ControlStoreError, match=r"control\.db: has schema 99.*newer version"):
        ControlStore(path)


def test_a_file_that_is_no_database_is_named(path: Path) -> None:
    path.write_bytes(b"not a database, not at all" * 50)

    with pytest.raises(ControlStoreError, match=r"control\.db: cannot be read"):
        ControlStore(path)


def test_a_missing_directory_is_named(tmp_path: Path) -> None:
    with pytest.raises(ControlStoreError, match=r"control\.db: cannot be opened"):
        ControlStore(tmp_path / "missing" / "control.db")


def test_a_memory_that_cannot_be_read_is_named(path: Path, store: ControlStore) -> None:
    ticked(store, finding())
    with sqlite3.connect(path) as con:
        con.execute("UPDATE memory SET document = '{}'")
    con.close()

    with pytest.raises(ControlStoreError, match=r"control\.db: the rules' memory: .*format None"):
        store.memory()


def test_threads_may_share_it(store: ControlStore) -> None:
    """One ticks, several deliver: every message is marked, none is lost."""
    found = [finding(f"s{number}") for number in range(40)]

    def deliver(_: int) -> None:
        while store.outbox_counts()["sent"] < len(found):
            for outgoing in due(store, NOW + 60 * MINUTE, 5):
                sent(store, outgoing.message.key, NOW)

    with ThreadPoolExecutor(3) as pool:
        marked = pool.map(deliver, range(3))
        for number in range(len(found)):
            ticked(store, *found[: number + 1], now=NOW + number * timedelta(seconds=1))
        list(marked)

    assert store.outbox_counts() == {"pending": 0, "sent": 40, "given_up": 0}


def test_a_killed_process_kept_its_promises(path: Path) -> None:
    """Killed 8 times at any moment: what it said was committed is there, nothing is half there."""
    for round_ in range(1, 9):
        promised = killed_after(path, lines=7 * round_)
        assert len(promised) >= 7 * round_

        with ControlStore(path) as store:
            kept = {int(alert.title[1:]) for alert in store.alerts()}
            assert {int(what) for kind, what in promised if kind == "step"} <= kept
            assert kept == set(range(len(kept)))
            assert sum(store.outbox_counts().values()) == len(kept)
            assert [alert.finding.subject for alert in store.memory().alerts] == [
                f"s{len(kept) - 1}"
            ]
            pending = {one.message.key for one in due(store, NOW + 999 * MINUTE, 999)}
            assert pending.isdisjoint(what for kind, what in promised if kind == "sent")


def killed_after(path: Path, lines: int) -> list[tuple[str, str]]:
    """Run the victim, kill it once it said so many lines; return all that it said."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.store.control_victim", str(path)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as victim:
        assert victim.stdout is not None
        said = [victim.stdout.readline() for _ in range(lines)]
        victim.kill()
        said += victim.stdout.readlines()
    whole = [line.split() for line in said if line.endswith("\n")]
    return [(kind, what) for kind, what in whole]
