"""The guard over a real ledger in this process: what passes, waits, is refused, and what is told.

Each call reserves 200 tokens of agent `a`; one of 1,000 an hour is the limit unless a test says.
"""

import asyncio
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import trio
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import NonRecordingSpan, SpanContext

from manager_agent.contract.budget import Limits
from manager_agent.contract.decision import Allow, Refuse, Wait
from manager_agent.contract.guard import Fence, FromManager, Policy
from manager_agent.control.commands import PauseCalls, ResumeCalls, SetLimit
from manager_agent.instrumentation import reentry
from manager_agent.instrumentation.governed import Governed
from manager_agent.instrumentation.local_policy import LocalPolicy, Rule
from manager_agent.instrumentation.told import Told
from tests.control.desk import policy, tokens
from tests.harness.metered import CHAT, asked, ended
from tests.harness.office import DEADLINE, Office, office, until

LIMIT = policy(a=tokens(hour=1000))


@pytest.fixture
def here() -> Iterator[Office]:
    with office(LIMIT) as found:
        yield found


def test_calls_pass_up_to_the_limit_and_not_one_more(here: Office) -> None:
    reasons = [here.call().reason for _ in range(7)]

    assert reasons == ["within_budget"] * 5 + ["over_budget"] * 2


def test_a_refusal_names_the_limit_its_sums_and_what_to_do(here: Office) -> None:
    refuse = [here.call() for _ in range(6)][-1]

    assert isinstance(refuse, Refuse)
    assert refuse.limit_name == "hourly_token_limit of agent a"
    assert "limit 1,000 tokens, spent 1,000, reserved 0" in refuse.message
    assert "manager-agent budget set a" in refuse.remedy
    assert refuse.limit_usd is refuse.spent_usd is None
    assert refuse.resets_at is not None


def test_what_is_known_to_be_exhausted_is_refused_at_once(here: Office) -> None:
    for _ in range(6):
        here.call()

    assert isinstance(here.guard.decide(here.ask()), Refuse)


def test_a_call_waits_for_what_another_gives_back() -> None:
    with office(policy(a=tokens(hour=200))) as here, ThreadPoolExecutor() as pool:
        first, second = here.ask(), here.ask()
        assert isinstance(here.decided(first), Allow)
        waiting = pool.submit(here.decided, second)
        until(lambda: here.word.wallet("a")._waiting)
        here.settle(first, tokens=10)

        # 190 are left, and 200 needed: nothing more can come back.
        assert waiting.result(DEADLINE).reason == "over_budget"
        here.manager.tell(SetLimit("agent", "a", "hour", "tokens", 300))
        until(lambda: here.call(tokens=10).reason == "within_budget")


def test_who_waits_in_vain_is_told_so() -> None:
    told = Policy(enforcement="hard", unreachable="static", max_wait_ms=50)
    with office(policy(a=tokens(hour=200)), told) as here:
        until(lambda: here.word.policies.get("a") or here.decided(here.ask()))
        until(lambda: here.guard.in_flight() or isinstance(here.decided(here.ask()), Allow))

        refuse = here.decided(here.ask())

    assert isinstance(refuse, Refuse)
    assert "nothing of it came back in time" in refuse.message


def test_who_does_not_wait_for_others_waits_for_the_manager() -> None:
    told = Policy(enforcement="hard", unreachable="static", max_wait_ms=0)
    with office(LIMIT, told) as here:
        reasons = [here.call().reason for _ in range(6)]

    assert reasons == ["within_budget"] * 5 + ["over_budget"]


def test_a_provider_that_asked_to_come_again_later_is_given_time(here: Office) -> None:
    here.call()
    ask = here.ask()
    here.decided(ask)
    refused = ended(ask, Told(), status=429)
    refused.retry_after_seconds = 0.2
    here.guard.settle(refused)

    decision = here.guard.decide(late := here.ask())
    assert isinstance(decision, Wait)
    began = time.monotonic()
    assert here.guard.wait(late, decision).reason == "within_budget"
    assert time.monotonic() - began > 0.1


def test_receipts_say_to_which_lease_a_call_was_charged(here: Office) -> None:
    ask = here.ask()
    here.decided(ask)
    receipt = here.settle(ask, tokens=150)

    assert receipt is not None
    assert receipt.holder == here.word.epoch.holder
    assert (receipt.usd_lease, receipt.token_lease > 0) == (0, True)


def test_an_agent_without_limits_is_never_held_back(here: Office) -> None:
    assert {here.call("free").reason for _ in range(50)} == {"within_budget"}
    ask = here.ask("free")
    assert isinstance(here.guard.decide(ask), Allow)
    receipt = here.settle(ask)
    assert receipt is not None
    assert (receipt.usd_lease, receipt.token_lease) == (0, 0)


def test_a_limit_that_is_only_watched_refuses_nothing() -> None:
    watched = policy(a=tokens(hour=300, enforcement="observe"))
    with office(watched, Policy(enforcement="observe", heartbeat_ms=50)) as here:
        assert {here.call().reason for _ in range(9)} <= {"within_budget", "observed"}
        assert here.call().reason == "observed"
        until(lambda: here.manager.used("settled") == 2000)


@pytest.mark.parametrize(("unpriced", "reason"), [("refuse", "unpriced_model"), ("allow", "")])
def test_a_model_without_a_price(unpriced: str, reason: str) -> None:
    limits = policy(a=Limits(hourly_limit_usd=1))  # type: ignore[arg-type]
    with office(limits, Policy(unpriced=unpriced, max_wait_ms=20_000)) as here:
        decision = here.decided(here.ask(model="nobody-knows-it"))

    assert decision.reason == (reason or "within_budget")


def test_a_coroutine_waits_and_leaves_the_loop_free() -> None:
    with office(policy(a=tokens(hour=200))) as here:
        first = here.ask()
        here.decided(first)

        async def second() -> str:
            decision = here.guard.decide(ask := here.ask())
            assert isinstance(decision, Wait)
            waiting = asyncio.create_task(here.guard.wait_async(ask, decision))
            while not here.word.wallet("a")._waiting:
                await asyncio.sleep(0.001)
            here.settle(first, tokens=0)
            return (await waiting).reason

        assert asyncio.run(second()) == "within_budget"


def test_trio_waits_as_well() -> None:
    with office(policy(a=tokens(hour=200))) as here:
        first, found = here.ask(), list[str]()
        here.decided(first)

        async def second() -> None:
            decision = here.guard.decide(ask := here.ask())
            assert isinstance(decision, Wait)
            found.append((await here.guard.wait_async(ask, decision)).reason)

        async def both() -> None:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(second)
                while not here.word.wallet("a")._waiting:
                    await trio.sleep(0.001)
                here.settle(first, tokens=0)

        trio.run(both)
        assert found == ["within_budget"]


@pytest.mark.parametrize("loop", ["asyncio", "trio"])
def test_who_is_cancelled_while_it_waits_holds_nothing(loop: str) -> None:
    with office(policy(a=tokens(hour=200))) as here:
        first = here.ask()
        here.decided(first)
        decision = here.guard.decide(ask := here.ask())
        assert isinstance(decision, Wait)

        async def in_asyncio() -> None:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(here.guard.wait_async(ask, decision), 0.05)

        async def in_trio() -> None:
            with trio.move_on_after(0.05):
                await here.guard.wait_async(ask, decision)

        asyncio.run(in_asyncio()) if loop == "asyncio" else trio.run(in_trio)
        here.settle(first, tokens=0)

        assert here.call().reason == "within_budget"
        until(lambda: here.word.wallet("a").in_flight() == 0)


def test_what_ends_in_the_midst_of_our_own_code_is_settled_after_it(here: Office) -> None:
    ask = here.ask()
    here.decided(ask)

    with reentry.inside(), here.word.wallet("a")._lock:  # as a finalizer finds it
        reentry.guarded(here.guard.settle, here.ended(ask))
        assert here.guard.in_flight() == 1

    assert here.guard.in_flight() == 0


def test_a_pause_stops_the_next_call_and_those_that_wait() -> None:
    with office(policy(a=tokens(hour=200))) as here, ThreadPoolExecutor() as pool:
        first = here.ask()
        here.decided(first)
        waiting = pool.submit(here.decided, here.ask())
        until(lambda: here.word.wallet("a")._waiting)
        here.manager.tell(PauseCalls("agent", "a", by="eve", why="it loops"))

        until(lambda: here.word.paused.any)
        refuse = here.guard.decide(here.ask())
        assert isinstance(refuse, Refuse)
        assert (refuse.reason, refuse.message) == ("paused", "Agent a is paused by eve: it loops")
        assert waiting.result(DEADLINE).reason == "paused"
        here.manager.tell(ResumeCalls("agent", "a"))
        here.settle(first, tokens=0)
        until(lambda: not here.word.paused.any)
        until(lambda: here.call().reason == "within_budget")


def test_a_conversation_or_a_trace_is_paused_alone(here: Office) -> None:
    here.call(tokens=1)
    here.manager.tell(PauseCalls("conversation", "talk-1"))
    here.manager.tell(PauseCalls("trace", f"{7:032x}"), PauseCalls("trace", f"{9:016x}"))
    until(lambda: len(here.word.paused._by_scope.get("trace", ())) == 2)

    def within(trace_id: int, span_id: int) -> str:
        span = NonRecordingSpan(SpanContext(trace_id, span_id, is_remote=False))
        context = trace.set_span_in_context(span, Context())
        ask = asked(CHAT, here.ask().asked, here.ask().identity, context)
        return here.decided(ask).reason

    assert here.decided(here.ask(conversation_id="talk-1")).reason == "paused"
    assert within(7, 1) == "paused"
    assert within(8, 9) == "paused"
    assert within(8, 1) == "within_budget"
    assert here.decided(here.ask(conversation_id="talk-2")).reason == "within_budget"


def test_who_was_given_up_begins_anew_and_goes_on(here: Office) -> None:
    here.call()
    before = here.word.epoch.holder
    for line in here.manager.streams:
        line.put(FromManager(fence=Fence(before, "not heard of")))
    until(lambda: here.word.epoch.holder != before)

    assert [here.call().reason for _ in range(5)] == ["within_budget"] * 4 + ["over_budget"]


def test_at_the_end_all_is_given_back_and_the_manager_takes_leave(here: Office) -> None:
    here.call(tokens=120)
    here.speaker.leave(DEADLINE)

    assert here.manager.used("outstanding") == here.manager.used("doubt") == 0
    assert here.manager.used("settled") == 120
    assert here.manager.heard[-1].bye is not None


def test_an_agent_that_never_called_costs_no_thread() -> None:
    with office(LIMIT):
        assert not [one for one in threading.enumerate() if "manager_agent.guard" in one.name]


def test_the_rules_of_a_file_come_first_and_do_not_lift_a_limit(here: Office) -> None:
    rules = (
        Rule({"model": "gpt-4o-mini"}, "refuse", message="Not this one."),
        Rule({"agent": "a"}, "allow"),
    )
    both = Governed(LocalPolicy(rules), here.guard)
    for _ in range(6):
        here.call()

    small, large = both.decide(here.ask(model="gpt-4o-mini")), both.decide(here.ask())
    assert isinstance(small, Refuse)
    assert isinstance(large, Refuse)
    assert (small.reason, large.reason) == ("local_policy", "over_budget")
