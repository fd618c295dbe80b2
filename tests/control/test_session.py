"""Guards' streams, over a real server: who may speak, what is no message, who reads slowly."""

import asyncio
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import grpc
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from manager_agent.contract.frame import frames
from manager_agent.contract.guard import Bye, FromGuard, Hello, Outcomes, Question, Report
from manager_agent.contract.token import Token, Tokens, digest_of
from manager_agent.contract.wire_format import MAX_BYTES, encode
from manager_agent.control.session import GuardService
from manager_agent.receiver.access import GrpcAccess
from manager_agent.receiver.counts import Counts
from tests.control.desk import policy, tokens
from tests.control.desk_clerk import Table
from tests.harness.guards import Guard

LIMITS = replace(policy(a=tokens(hour=1000), b=tokens(hour=1000)), unreachable="closed")
SECRET, BOUND = "a-token-of-nobody-special", "a-token-of-agent-a-alone"
TOKENS = Tokens([Token("all", digest_of(SECRET)), Token("a", digest_of(BOUND), "a")])


class Door:
    """A server with the service alone, its loop in a thread of its own."""

    def __init__(self, tokens: Tokens) -> None:
        self.table = Table(LIMITS)
        self.service = GuardService(self.table.clerk, tokens)
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()
        self.address = self.wait(self._open(tokens))

    def wait(self, coroutine: "asyncio.coroutines.Coroutine[object, object, str]") -> str:  # type: ignore[name-defined]
        found: str = asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(30)
        return found

    async def _open(self, tokens: Tokens) -> str:
        access = (GrpcAccess(tokens, Counts()),) if tokens else ()
        self.server = grpc.aio.server(interceptors=access)
        self.server.add_generic_rpc_handlers((self.service,))
        port = self.server.add_insecure_port("127.0.0.1:0")
        await self.server.start()
        return f"127.0.0.1:{port}"

    async def _close(self) -> str:
        self.service.close()
        await self.server.stop(5)
        return ""

    def close(self) -> None:
        self.wait(self._close())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(30)
        self.loop.close()
        self.table.clerk.stop()

    def messages(self) -> tuple[float, float]:
        """Return how many messages came in and went out."""
        [metric] = [one for one in self.service.metrics() if "messages" in one.name]
        found = {dict(sample.labels)["direction"]: sample.value for sample in metric.samples}
        return found.get("in", 0), found.get("out", 0)

    def refused(self, reason: str) -> float:
        """Return how many streams were ended for a reason."""
        [metric] = [one for one in self.service.metrics() if "refused" in one.name]
        found = {dict(sample.labels)["reason"]: sample.value for sample in metric.samples}
        return found.get(reason, 0)


@contextmanager
def door(tokens: Tokens = Tokens()) -> Iterator[Door]:  # noqa: B008 - frozen
    found = Door(tokens)
    try:
        yield found
    finally:
        found.close()


@pytest.fixture(scope="module")
def opened() -> Iterator[Door]:
    with door() as found:
        yield found


@pytest.fixture(scope="module")
def guarded() -> Iterator[Door]:
    with door(TOKENS) as found:
        yield found


def status(error: grpc.RpcError | None) -> tuple[str, str]:
    assert error is not None, "it ended well"
    return error.code().name, error.details()


def test_a_process_is_granted_money_and_told_how_to_treat_its_calls(opened: Door) -> None:
    with Guard(opened.address, "s1") as guard:
        grant = guard.ask(need=10)

        assert (grant.verdict, grant.granted_total, grant.limit) == ("ok", 10, 1000)
        assert [one.agent for one in guard.policies()] == ["a"]
        kinds = [
            next(k for k in ("pauses", "policy", "grant") if getattr(m, k)) for m in guard.heard
        ]
        assert kinds == ["pauses", "policy", "grant"]
        assert "s1" in [one.holder for one in opened.table.clerk.holders()]


def test_what_a_guard_says_together_is_answered_together(opened: Door) -> None:
    """A message costs either side more than what is in it: a heartbeat of many leases is one."""
    with Guard(opened.address, "many") as guard:
        guard.until("a welcome", lambda: guard.heard)
        before = opened.messages()
        reports = [Report("many", seq, agent=f"a{seq}", unit="tokens") for seq in range(1, 51)]
        [frame] = frames(FromGuard(report=one) for one in reports)
        guard.say_bytes(frame)

        guard.until("fifty grants", lambda: len(guard.grants()) == 50)
        sent, answered = opened.messages()
        assert sent - before[0] == 1
        assert answered - before[1] <= 5  # what came while one was written waits for the next
        assert {one.agent for one in guard.grants()} == {one.agent for one in reports}


def test_an_epoch_that_was_given_up_begins_anew_on_the_same_stream(opened: Door) -> None:
    with Guard(opened.address, "s2") as guard:
        first = guard.ask(need=10)
        guard.say(Bye("s2"))
        guard.report(lease=first.lease, settled_total=4)
        guard.until("a fence", lambda: [one.fence for one in guard.heard if one.fence])

        guard.holder = "s2'"
        guard.say(Hello("s2'", boot_id="boot"))
        assert guard.ask(need=5).holder == "s2'"
        guard.report(holder="s2", lease=first.lease, settled_total=6)
        fences = guard.until(
            "a second fence",
            lambda: [f for f in (one.fence for one in guard.heard) if f][1:],
        )
        assert fences[0].holder == "s2"


def test_who_ends_a_stream_may_come_back(opened: Door) -> None:
    with Guard(opened.address, "s3") as guard:
        lease = guard.ask(need=10).lease
    with Guard(opened.address, "s3") as guard:
        guard._seq = 10
        again = guard.ask(lease=lease, settled_total=10, need=10, granted_seen=10)
        assert (again.lease, again.granted_total) == (lease, 20)


@pytest.mark.parametrize(
    ("payload", "reason", "said"),
    [
        (b"\xff", "malformed", "no message of a guard"),
        (b"\x00" * 3, "malformed", "field number 0"),
        (b"\x0a" + b"\xff" * 12, "malformed", "more than 10 bytes"),
        (b"\x0a" * (MAX_BYTES + 1), "malformed", "at most"),
        (encode(FromGuard(hello=Hello(""))), "names", "holder = ''"),
        (encode(FromGuard(bye=Bye("h" * 65))), "names", "of 1 to 64 printable"),
        (encode(FromGuard(report=Report(holder="h", agent="a\n"))), "names", "agent = "),
        (encode(FromGuard(outcomes=Outcomes("h", "a" * 201))), "names", "of 1 to 200"),
        (encode(FromGuard(question=Question("q", "h"))), "names", "agent = ''"),
    ],
    ids=["cut", "zeros", "number", "huge", "nobody", "long", "unprintable", "agent", "no agent"],
)
def test_what_is_no_message_ends_the_stream_with_the_reason(
    opened: Door, payload: bytes, reason: str, said: str
) -> None:
    before = opened.refused(reason)
    with Guard(opened.address, "s4", greet=False) as guard:
        guard.say_bytes(payload)
        code, details = status(guard.end())

    assert code == "INVALID_ARGUMENT"
    assert said in details
    assert opened.refused(reason) == before + 1


@given(payload=st.binary(max_size=60) | st.binary(max_size=60).map(lambda tail: b"\x12" + tail))
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_no_bytes_break_anything(
    opened: Door, caplog: pytest.LogCaptureFixture, payload: bytes
) -> None:
    caplog.set_level(logging.WARNING)
    with Guard(opened.address, "s5", greet=False) as guard:
        guard.say_bytes(payload)
        guard._sent.put(None)
        error = guard.end()

    assert error is None or error.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert not caplog.records
    assert opened.table.clerk.trouble is None


def test_a_message_of_a_newer_guard_is_passed_over(opened: Door) -> None:
    with Guard(opened.address, "s6") as guard:
        guard.say_bytes(b"\xaa\x06\x02hi")  # field 101
        assert guard.ask(need=1).verdict == "ok"


def test_a_token_is_needed_where_there_are_some(guarded: Door) -> None:
    with Guard(guarded.address, "s7") as guard:
        assert status(guard.end())[0] == "UNAUTHENTICATED"
    with Guard(guarded.address, "s7", token="not-one-that-is-known") as guard:
        assert status(guard.end())[0] == "UNAUTHENTICATED"
    with Guard(guarded.address, "s7", agent="b", token=SECRET) as guard:
        assert guard.ask(need=1).verdict == "ok"


@pytest.mark.parametrize(
    "message",
    [
        Report(holder="s8", agent="b", unit="tokens", need=1),
        Outcomes("s8", "b", "openai", "gpt", {"ok": 1}),
        Question("q", "s8", "b"),
    ],
    ids=["report", "outcomes", "question"],
)
def test_a_token_of_one_agent_speaks_for_no_other(
    guarded: Door, message: Report | Outcomes | Question
) -> None:
    before = guarded.refused("other_agent")
    with Guard(guarded.address, "s8", token=BOUND) as guard:
        assert guard.ask(need=1).verdict == "ok"
        guard.say(message)
        code, details = status(guard.end())

    assert code == "PERMISSION_DENIED"
    assert "'a'" in details
    assert "'b'" in details
    assert guarded.refused("other_agent") == before + 1


def test_journals_of_others_agents_are_left_to_them(guarded: Door) -> None:
    with Guard(guarded.address, "s9", agent="b", token=SECRET) as other:
        lease = other.ask(need=10).lease
        journal = Report(holder="s9", lease=lease, agent="b", unit="tokens")
        with Guard(guarded.address, "s10", token=BOUND, greet=False) as guard:
            guard.say(Hello("s10", boot_id="boot", recovered=(journal,)))
            guard.ask(need=1)
        assert "s9" in [one.holder for one in guarded.table.clerk.holders()]
        assert other.ask(lease=lease, need=1, granted_seen=10).granted_total == 11


def test_a_flood_keeps_nobody_waiting(opened: Door) -> None:
    with Guard(opened.address, "s11") as flood, Guard(opened.address, "s12") as quiet:
        stop = threading.Event()

        def pour() -> None:
            lease = 0
            while not stop.is_set():
                lease += 1
                flood.report(lease=lease % 5000, need=1)

        pouring = threading.Thread(target=pour)
        pouring.start()
        try:
            for number in range(1, 6):
                quiet.ask(lease=0, need=number)
        finally:
            stop.set()
            pouring.join(30)
        assert opened.table.clerk._mail.waiting("s11") <= 300


def test_streams_end_well_when_the_manager_ends() -> None:
    with door() as found:
        guard = Guard(found.address, "s13")
        guard.ask(need=1)
        found.wait(found._close())
        assert guard.end() is None
        guard.close()
