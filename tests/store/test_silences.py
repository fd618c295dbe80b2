"""Silences in the control database, and in the audit."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from manager_agent.control.keeper import KeeperError
from manager_agent.rules.silence import Silence, matcher
from manager_agent.store.control import ControlStore
from manager_agent.store.control_audit import Audit
from manager_agent.store.silences import SilenceStore

NOW = datetime(2026, 11, 23, 14, tzinfo=UTC)
HOUR = timedelta(hours=1)
ONE = Silence(
    "s1", (matcher("rule=budget"), matcher("agent=~ü|b")), NOW, NOW + HOUR, "ann", "", NOW
)
TWO = replace(ONE, id="s2", starts=NOW + HOUR, ends=NOW + 2 * HOUR, why="a deploy")


@pytest.fixture
def control(tmp_path: Path) -> Iterator[ControlStore]:
    with ControlStore(tmp_path / "control.sqlite") as found:
        yield found


def test_what_was_made_is_there_after_a_restart(control: ControlStore, tmp_path: Path) -> None:
    store = SilenceStore(control)
    store.add(ONE)
    store.add(TWO)
    control.close()

    with ControlStore(tmp_path / "control.sqlite") as again:
        assert SilenceStore(again).all() == [TWO, ONE]


def test_it_ends_before_its_time_once(control: ControlStore) -> None:
    store = SilenceStore(control)
    store.add(ONE)

    ended = store.end("s1", NOW + HOUR / 2, "bob")

    assert ended == replace(ONE, ends=NOW + HOUR / 2, ended_by="bob")
    assert store.all() == [ended]
    assert store.end("s1", NOW + HOUR / 2, "bob") is None
    assert store.end("nope", NOW, "bob") is None


def test_one_that_is_to_come_ends_before_it_begins(control: ControlStore) -> None:
    store = SilenceStore(control)
    store.add(TWO)

    ended = store.end("s2", NOW + HOUR / 2, "bob")

    assert ended is not None
    assert ended.state(NOW + HOUR / 2) == ended.state(NOW + 1.5 * HOUR) == "expired"
    assert store.all() == [ended]


def test_who_did_what_is_in_the_audit(control: ControlStore) -> None:
    store = SilenceStore(control)
    store.add(TWO)
    store.end("s2", NOW, "bob")

    made, ended = Audit(control).events_since(NOW - HOUR)
    said = {"matchers": ["rule=budget", "agent=~ü|b"], "starts_at": TWO.starts.isoformat()}

    assert (made.kind, made.subject, made.actor) == ("silence", "s2", "ann")
    assert json.loads(made.detail) == {
        "before": None,
        "after": {**said, "ends_at": TWO.ends.isoformat()},
        "why": "a deploy",
    }
    assert (ended.kind, ended.actor) == ("unsilence", "bob")
    assert json.loads(ended.detail)["after"]["ends_at"] == NOW.isoformat()


def test_those_long_over_are_pruned(control: ControlStore) -> None:
    store = SilenceStore(control)
    store.add(ONE)
    store.add(TWO)

    assert control.prune(NOW + HOUR + timedelta(seconds=1)) == 1
    assert store.all() == [TWO]


def test_a_disk_that_fails_is_told(control: ControlStore) -> None:
    store = SilenceStore(control)
    control.close()

    with pytest.raises(KeeperError):
        store.add(ONE)
