"""Answers reach the event loop, whatever thread gives them, and many of them at one wakening."""

import asyncio
import threading
from concurrent.futures import Future
from typing import Any

import pytest

from manager_agent.receiver.answer import Accepted, Answer, Refused
from manager_agent.receiver.answers import Answers


def test_each_waits_for_its_own_whatever_thread_answers() -> None:
    async def asked() -> list[Answer]:
        answers = Answers()
        offered: list[Future[Answer]] = [Future() for _ in range(1000)]
        waiting = [answers.of(each) for each in offered]
        threads = [
            threading.Thread(target=_answer, args=(offered[first::4], first)) for first in range(4)
        ]
        for thread in threads:
            thread.start()
        return [await asyncio.wait_for(each, 60) for each in waiting]

    assert [told.message for told in asyncio.run(asked())] == [
        f"{number % 4}" for number in range(1000)
    ]


def _answer(offered: list["Future[Answer]"], name: int) -> None:
    for each in offered:
        each.set_result(Refused(str(name), retryable=True))


def test_many_answers_wake_the_loop_once(monkeypatch: pytest.MonkeyPatch) -> None:
    woken: list[Any] = []

    async def asked() -> None:
        loop, answers = asyncio.get_running_loop(), Answers()
        wake = loop.call_soon_threadsafe

        def counted(*args: Any) -> Any:
            woken.append(args)
            return wake(*args)

        monkeypatch.setattr(loop, "call_soon_threadsafe", counted)
        for _ in range(2):
            offered: list[Future[Answer]] = [Future() for _ in range(100)]
            waiting = [answers.of(each) for each in offered]
            for each in offered:
                each.set_result(Accepted())
            assert await asyncio.gather(*waiting) == [Accepted()] * 100

    asyncio.run(asked())
    assert len(woken) == 2


def test_who_no_longer_waits_keeps_nobody_back() -> None:
    async def asked() -> Answer:
        answers = Answers()
        gone: Future[Answer] = Future()
        stays: Future[Answer] = Future()
        first, second = answers.of(gone), answers.of(stays)
        first.cancel()
        gone.set_result(Accepted())
        stays.set_result(Accepted(1))
        return await asyncio.wait_for(second, 60)

    assert asyncio.run(asked()) == Accepted(1)


def test_an_answer_after_the_loop_ended_is_no_error() -> None:
    offered: Future[Answer] = Future()

    async def asked() -> None:
        Answers().of(offered)

    asyncio.run(asked())
    offered.set_result(Accepted())
    assert offered.done()
