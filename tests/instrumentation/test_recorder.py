"""Calls wait in memory, bounded, until the manager has them; agents never wait for it."""

import logging
import os
import subprocess
import sys
import threading
from collections.abc import Sequence

import pytest

from manager_agent.instrumentation import leaving, mishap, recorder
from manager_agent.instrumentation.manager_http import ManagerError
from manager_agent.instrumentation.recorder import Recorder
from manager_agent.instrumentation.records import APICall
from tests.harness.manager import until

AWAY = ManagerError("no manager answers at http://127.0.0.1:1; start it")
BAD = ManagerError("cost_usd = -1 must be USD", 400)


@pytest.fixture(autouse=True)
def _nothing_told_yet() -> None:
    mishap.forget()


class Manager:
    """Takes calls while `failure` is None, and only when `open`."""

    def __init__(self) -> None:
        self.taken: list[str | None] = []
        self.failure: Exception | None = None
        self.asked = 0
        self.bad: set[str] = set()
        self.open = threading.Event()
        self.open.set()

    def take(self, calls: Sequence[APICall]) -> None:
        self.asked += 1
        assert self.open.wait(20)
        if self.failure is not None:
            raise self.failure
        if any(call.call_id in self.bad for call in calls):
            raise BAD
        self.taken += [call.call_id for call in calls]


def call(number: int) -> APICall:
    return APICall("a", call_id=str(number))


class Tracker:
    """Records by a manager that is away at first."""

    def __init__(self) -> None:
        self.manager = Manager()
        self.manager.failure = AWAY

    def record_api_calls(self, calls: Sequence[APICall]) -> None:
        self.manager.take(calls)

    record_api_call = record_api_calls


def test_a_process_that_leaves_flushes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder, "_FIRST_PAUSE", 600.0)
    tracker = Tracker()
    recorder.of(tracker).put(call(1))
    until("it was tried", lambda: tracker.manager.asked > 0)
    tracker.manager.failure = None

    leaving.flush(20)  # as at SIGTERM; by itself it would ask again in ten minutes

    assert tracker.manager.taken == ["1"]


def test_calls_arrive_in_order() -> None:
    manager = Manager()
    recorder = Recorder(manager.take)

    for number in range(50):
        recorder.put(call(number))

    assert recorder.flush(20)
    assert manager.taken == [str(number) for number in range(50)]
    assert (recorder.sent, recorder.lost, recorder.waiting) == (50, 0, 0)


def test_while_the_manager_is_away_calls_wait_and_it_is_told_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    manager = Manager()
    manager.failure = AWAY
    recorder = Recorder(manager.take)
    with caplog.at_level(logging.WARNING, "manager_agent"):
        for number in range(3):
            recorder.put(call(number))
        until("a second attempt", lambda: recorder.flush(0) or manager.asked >= 2)

    assert (manager.taken, recorder.waiting, recorder.failing) == ([], 3, True)
    assert [record.message for record in caplog.records] == [f"calls wait to be recorded: {AWAY}"]

    manager.failure = None
    assert recorder.flush(20)
    assert manager.taken == ["0", "1", "2"]


def test_the_oldest_are_given_up_and_counted_when_too_many_wait() -> None:
    manager = Manager()
    manager.open.clear()
    recorder = Recorder(manager.take, most=3)
    recorder.put(call(0))
    until("the first is on its way", lambda: manager.asked)
    for number in range(1, 6):
        recorder.put(call(number))

    assert (recorder.waiting, recorder.lost) == (3, 3)
    manager.open.set()
    assert recorder.flush(20)
    assert manager.taken == ["0", "3", "4", "5"]


@pytest.mark.parametrize("failure", [BAD, TypeError("strange")], ids=["refused", "strange"])
def test_a_call_that_cannot_be_recorded_does_not_hold_up_others(failure: Exception) -> None:
    manager = Manager()
    manager.failure = failure
    recorder = Recorder(manager.take)
    recorder.put(call(0))
    assert recorder.flush(20)
    manager.failure = None
    recorder.put(call(1))

    assert recorder.flush(20)
    assert (manager.taken, recorder.lost) == (["1"], 1)


def test_calls_that_wait_go_together_and_do_not_suffer_for_one_another() -> None:
    manager = Manager()
    manager.open.clear()
    manager.bad = {"3"}
    recorder = Recorder(manager.take, together=4)
    for number in range(10):
        recorder.put(call(number))
    manager.open.set()

    assert recorder.flush(20)
    assert manager.taken == ["0", "1", "2", "4", "5", "6", "7", "8", "9"]
    assert (recorder.sent, recorder.lost) == (9, 1)
    assert manager.asked < 10


def test_flush_gives_up_in_time() -> None:
    manager = Manager()
    manager.open.clear()
    recorder = Recorder(manager.take)
    recorder.put(call(0))

    assert not recorder.flush(0.05)
    manager.open.set()


LEAVING: dict[str, tuple[str, int]] = {
    "exit": ("record()", 1),
    "fork": (
        "record()\npid = os.fork()\nif pid == 0:\n    record()\n    recorder.flush()\n"
        "    os._exit(0)\nos.waitpid(pid, 0)",
        2,
    ),
    "multiprocessing": (
        "context = multiprocessing.get_context('fork')\nrecord()\n"
        "child = context.Process(target=record)\nchild.start()\nchild.join()",
        2,
    ),
}

PROGRAM = """
import multiprocessing, os, sys, warnings
warnings.simplefilter("ignore")
from manager_agent.instrumentation import recorder, track_llm_call

class Tracker:
    def record_api_call(self, call):
        os.write(1, (call.call_id + "\\n").encode())

record = track_llm_call(Tracker())(lambda: {"tokens": 1})
"""


@pytest.mark.parametrize("way", LEAVING)
def test_what_was_done_is_recorded_before_a_process_is_gone(way: str) -> None:
    code, expected = LEAVING[way]

    done = subprocess.run(
        [sys.executable, "-c", PROGRAM + code],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env={**os.environ, "MANAGER_AGENT_ID": "a"},
    )

    ids = done.stdout.split()
    assert len(ids) == len(set(ids)) == expected, done.stderr


def test_a_call_is_sent_though_put_from_many_threads() -> None:
    manager = Manager()
    recorder = Recorder(manager.take)

    def put(first: int) -> None:
        for number in range(first, first + 25):
            recorder.put(call(number))

    threads = [threading.Thread(target=put, args=[100 * n]) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert recorder.flush(20)
    assert len(set(manager.taken)) == 200
