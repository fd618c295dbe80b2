"""A process that asks for approvals and waits: in threads, under asyncio and under trio."""

import asyncio
import threading
from collections.abc import Callable
from dataclasses import replace

import pytest
import trio

from manager_agent.contract.decision import Allow, Refuse
from manager_agent.contract.guard import Answer, AnswerState, Policy, Question
from manager_agent.instrumentation.approvals import Approvals
from manager_agent.instrumentation.asked import Asked
from manager_agent.instrumentation.bound import Bound
from manager_agent.instrumentation.call import Ask
from manager_agent.instrumentation.identity import Identity
from tests.harness.metered import CHAT, asked, ended

KEY = b"k" * 32
CENT = 10_000_000
POLICY = Policy(
    "a",
    enforcement="hard",
    approve_above_nano=10 * CENT,
    approve_models=("gpt-5*",),
    approval_timeout_ms=20_000,
)
DEAR, CHEAP = Bound(10, 10, 11 * CENT), Bound(10, 10, 10 * CENT)


def made() -> Approvals:
    return Approvals(lambda: KEY)


def call(model: str = "gpt-4o", body: bytes | None = b"digest", agent: str = "a") -> Ask:
    ask = asked(CHAT, Asked(model=model), Identity(agent, "context"))
    ask.body = body
    return ask


def needed(approvals: Approvals, ask: Ask, bound: Bound | None = DEAR) -> Question:
    found = approvals.question(ask, bound, POLICY)
    assert found is not None
    return found


def answering(
    approvals: Approvals, state: AnswerState, amount: int = 11 * CENT
) -> Callable[[], None]:
    """Return a `wake` that lets another thread answer what is asked then."""

    def answer() -> None:
        for question in approvals.questions("h"):
            approvals.take(Answer(question.id, "pending"))
            if state != "pending":
                approvals.take(Answer(question.id, state, "ann", "because", amount))

    return lambda: threading.Timer(0.05, answer).start()


@pytest.mark.parametrize(
    ("model", "bound", "asks"),
    [
        pytest.param("gpt-4o", CHEAP, False, id="as dear as is allowed"),
        pytest.param("gpt-4o", DEAR, True, id="dearer"),
        pytest.param("gpt-4o", Bound(1, 1, None), True, id="nobody knows how dear"),
        pytest.param("gpt-4o", None, True, id="nobody knows yet"),
        pytest.param("gpt-5-mini", CHEAP, True, id="a model that always asks"),
        pytest.param("my-gpt-5", CHEAP, False, id="another"),
    ],
)
def test_what_must_be_asked(model: str, bound: Bound | None, asks: bool) -> None:
    assert (made().question(call(model), bound, POLICY) is not None) == asks


def test_nothing_is_asked_without_a_rule() -> None:
    assert made().question(call(), DEAR, Policy("a")) is None


def test_a_question_holds_no_prompt_and_is_the_same_everywhere() -> None:
    one, other = needed(made(), call()), needed(made(), call())

    assert one.fingerprint == other.fingerprint
    assert b"digest".hex() not in one.fingerprint
    assert one.id != other.id
    assert (one.agent, one.model, one.bound_nano) == ("a", "gpt-4o", 11 * CENT)
    different = (
        call(body=b"other"),
        call(agent="b"),
        call("gpt-5"),
    )
    prints = {needed(made(), ask).fingerprint for ask in different}
    assert len(prints | {one.fingerprint}) == 4
    assert needed(Approvals(lambda: b"x" * 32), call()).fingerprint != one.fingerprint


def test_a_body_that_cannot_be_read_is_a_question_of_its_own() -> None:
    assert (
        needed(made(), call(body=None)).fingerprint != needed(made(), call(body=None)).fingerprint
    )


@pytest.mark.parametrize("state", ["approved", "denied", "expired"])
def test_a_thread_waits_for_the_answer(state: AnswerState) -> None:
    approvals, ask = made(), call()

    found = approvals.wait(ask, needed(approvals, ask), POLICY, answering(approvals, state))

    _check(found, state)


@pytest.mark.parametrize("state", ["approved", "denied", "expired"])
@pytest.mark.parametrize("loop", ["asyncio", "trio"])
def test_a_coroutine_waits_and_the_loop_is_free(state: AnswerState, loop: str) -> None:
    approvals, ask = made(), call()

    async def wait() -> Allow | Refuse:
        wake = answering(approvals, state)
        return await approvals.wait_async(ask, needed(approvals, ask), POLICY, wake)

    async def beside_asyncio() -> tuple[Allow | Refuse, int]:
        steps = 0
        waiting = asyncio.create_task(wait())
        while not waiting.done():
            await asyncio.sleep(0.005)
            steps += 1
        return await waiting, steps

    async def beside_trio() -> tuple[Allow | Refuse, int]:
        steps, found = 0, []

        async def keep() -> None:
            found.append(await wait())

        async with trio.open_nursery() as nursery:
            nursery.start_soon(keep)
            while not found:
                await trio.sleep(0.005)
                steps += 1
        return found[0], steps

    answer, steps = asyncio.run(beside_asyncio()) if loop == "asyncio" else trio.run(beside_trio)

    _check(answer, state)
    assert steps >= 2


def _check(found: Allow | Refuse, state: str) -> None:
    if state == "approved":
        assert found == Allow("approved")
        return
    assert isinstance(found, Refuse)
    assert found.reason == ("denied" if state == "denied" else "approval_timeout")
    if state == "denied":
        assert "It was denied by ann: because." in found.message
        assert "up to $0.11" in found.message


def test_time_runs_out_as_configured() -> None:
    soon = replace(POLICY, approval_timeout_ms=80)
    approvals, ask = made(), call()
    wake = answering(approvals, "pending")

    denied = approvals.wait(ask, needed(approvals, ask), soon, wake)
    allowed = approvals.wait(
        ask, needed(approvals, ask), replace(soon, allow_on_timeout=True), wake
    )

    assert isinstance(denied, Refuse)
    assert denied.reason == "approval_timeout"
    assert allowed == Allow("approved")


def test_a_manager_that_never_heard_of_it_cannot_have_let_it_pass() -> None:
    soon = replace(POLICY, approval_timeout_ms=50, allow_on_timeout=True)
    approvals, ask = made(), call()

    found = approvals.wait(ask, needed(approvals, ask), soon, lambda: None)

    assert isinstance(found, Refuse)
    assert found.reason == "manager_unreachable"


def test_questions_are_told_once_and_again_on_a_new_connection() -> None:
    approvals, ask = made(), call()
    told: list[list[Question]] = []

    def wake() -> None:
        told.extend([approvals.questions("h1"), approvals.questions("h1")])
        approvals.tell_again()
        told.append(approvals.questions("h2"))
        approvals.take(Answer(told[0][0].id, "denied"))

    approvals.wait(ask, needed(approvals, ask), POLICY, wake)

    assert [[one.holder for one in each] for each in told] == [["h1"], [], ["h2"]]
    assert told[0][0].id == told[2][0].id


def test_an_answer_that_comes_too_late_holds_for_the_next_call() -> None:
    approvals, ask = made(), call()
    question = needed(approvals, ask)
    approvals.wait(ask, question, replace(POLICY, approval_timeout_ms=30), lambda: None)

    approvals.take(Answer(question.id, "approved", "ann", "", 11 * CENT))

    assert approvals.question(call(), DEAR, POLICY) is None
    assert approvals.question(call(), DEAR, POLICY) is not None, "once"


def test_an_approval_holds_for_no_more_than_its_amount() -> None:
    approvals, ask = made(), call()

    found = approvals.wait(
        ask, needed(approvals, ask), POLICY, answering(approvals, "approved", 10 * CENT)
    )

    assert isinstance(found, Refuse)
    assert "Only $0.10 were approved" in found.message
    assert approvals.question(call(), DEAR, POLICY) is not None


def test_a_call_that_cost_nothing_may_be_made_again() -> None:
    approvals, ask = made(), call()

    def approved() -> Ask:
        approvals.wait(ask, needed(approvals, ask), POLICY, answering(approvals, "approved"))
        return ask

    approvals.ended(ended(approved(), status=429))
    assert approvals.question(call(), DEAR, POLICY) is None, "the provider took no notice of it"
    approvals.forget()
    approvals.withdrawn(approved())
    assert approvals.question(call(), DEAR, POLICY) is None, "it never left"
    approvals.forget()
    approvals.ended(ended(approved(), status=500))
    assert approvals.question(call(), DEAR, POLICY) is not None, "it may be billed"
    approvals.ended(ended(approved(), status=200))
    assert approvals.question(call(), DEAR, POLICY) is not None


def test_who_is_cancelled_leaves_the_approval_to_the_next() -> None:
    approvals, ask = made(), call()

    async def cancelled() -> Question:
        question = needed(approvals, ask)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await approvals.wait_async(ask, question, POLICY, lambda: None)
        return question

    question = asyncio.run(cancelled())
    assert approvals.questions("h") == [], "nobody waits any more"
    approvals.take(Answer(question.id, "approved", "ann", "", 11 * CENT))

    assert approvals.question(call(), DEAR, POLICY) is None


def test_a_forked_child_asks_for_nothing_of_its_parents() -> None:
    approvals, ask = made(), call()
    question = needed(approvals, ask)
    approvals.wait(ask, question, replace(POLICY, approval_timeout_ms=30), lambda: None)

    approvals.forget()
    approvals.take(Answer(question.id, "approved", "ann", "", 11 * CENT))

    assert approvals.question(call(), DEAR, POLICY) is not None
