"""Gate and meter without any client: one decision, one end, whatever happens in between."""

import asyncio
import contextvars
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from manager_agent.contract.decision import Allow, Hold, Refuse, Wait
from manager_agent.instrumentation import gate, hosts, mishap, reentry
from manager_agent.instrumentation.endpoint import Endpoint
from manager_agent.instrumentation.meter import Call, close_open, ending_of
from manager_agent.instrumentation.refusal import Refusal
from tests.harness.llm_server import openai_stream
from tests.harness.seam import REFUSE, Recorder, seam

AT = Endpoint("openai", "chat_completions", "openai", "chat", "api.openai.com", 443)
SSE = {"content-type": "text/event-stream"}
STREAMED = b'{"model": "gpt-4o", "stream": true, "messages": [{"role": "user", "content": "Hi"}]}'


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorder]:
    with seam(monkeypatch, "") as recorder:
        yield recorder


def entered(body: bytes = STREAMED) -> Call:
    call = gate.enter(AT, body)
    assert isinstance(call, Call)
    return call


def test_what_ends_a_call_first_counts(recorder: Recorder) -> None:
    call = entered()
    call.answered(200, SSE)
    for piece in openai_stream().pieces:
        call.chunk(piece)

    call.finished()
    call.left()
    call.failed(ValueError())
    call.chunk(b"data: more")
    call.whole(b"{}")
    del call

    assert recorder.one().ending == "whole"


def test_a_hundred_threads_end_a_call_once(recorder: Recorder) -> None:
    for _ in range(20):
        call, ready = entered(), threading.Barrier(5)

        def end(call: Call = call, ready: threading.Barrier = ready) -> None:
            ready.wait(20)
            call.left()

        threads = [threading.Thread(target=end) for _ in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)

    assert len(recorder.settled) == 20


def test_an_sdk_that_stops_after_the_last_event_has_read_it_whole(recorder: Recorder) -> None:
    call = entered()
    call.answered(200, SSE)
    for piece in openai_stream().pieces:
        call.chunk(piece)

    call.left()

    assert recorder.one().ending == "whole"


def test_a_stream_that_somebody_collected_is_read_as_one(recorder: Recorder) -> None:
    call = entered()
    call.answered(200, SSE)

    call.whole(b"".join(openai_stream().pieces))

    usage = recorder.one().told.usage
    assert usage
    assert (usage.input_tokens, usage.output_tokens) == (11, 7)


def test_counts_that_only_the_headers_have_are_read(recorder: Recorder) -> None:
    bedrock = Endpoint("bedrock", "invoke_model", "aws.bedrock", "chat", "bedrock", 443, "mistral")
    call = gate.enter(bedrock, b'{"prompt": "Hi"}')
    assert isinstance(call, Call)
    counts = {"input": "11", "output": "7"}
    call.answered(200, {f"x-amzn-bedrock-{n}-token-count": count for n, count in counts.items()})

    call.whole(b'{"outputs": [{"text": "Hello", "stop_reason": "stop"}]}')

    told = recorder.one().told
    assert told.usage
    assert (told.usage.input_tokens, told.usage.output_tokens, told.estimated) == (11, 7, False)


def test_an_error_in_pieces_is_kept_within_bounds(recorder: Recorder) -> None:
    call = entered()
    call.answered(500, {"content-type": "application/json"})
    call.chunk(b'{"error": {"message": "Sorry.", "type": "server_error"}}')
    for _ in range(1000):
        call.chunk(b" " * 10_000)

    call.finished()

    assert recorder.one().told.error_message == "Sorry."


@pytest.mark.parametrize(
    ("name", "ending"),
    [
        ("ConnectError", "broken"),
        ("ConnectTimeout", "broken"),
        ("ConnectionTimeoutError", "broken"),
        ("ReadTimeout", "cancelled"),
        ("ReadTimeoutError", "cancelled"),
        ("Cancelled", "cancelled"),
        ("RemoteProtocolError", "broken"),
    ],
)
def test_who_ended_it(name: str, ending: str) -> None:
    assert ending_of(type(name, (Exception,), {})()) == ending


def test_interrupts_and_cancellations_are_the_caller_s() -> None:
    assert {ending_of(error()) for error in (KeyboardInterrupt, asyncio.CancelledError)} == {
        "cancelled"
    }
    assert ending_of(TimeoutError()) == "cancelled"


def test_ids_are_ordered_by_time_and_unique(recorder: Recorder) -> None:
    ids = [entered().ask.call_id for _ in range(1000)]

    assert len(set(ids)) == 1000
    assert [each[:12] for each in ids] == sorted(each[:12] for each in ids)
    assert {each[12] for each in ids} == {"7"}
    assert {each[16] for each in ids} <= set("89ab")


class _Answer:
    """A policy that answers nonsense, or breaks, where it waits."""

    def __init__(self, hold: Hold, answer: Any) -> None:
        self._hold, self._answer = hold, answer

    def decide(self, ask: Any) -> Any:
        return self._hold

    def wait(self, ask: Any, hold: Hold | Wait) -> Any:
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer

    async def wait_async(self, ask: Any, hold: Hold | Wait) -> Any:
        return self.wait(ask, hold)

    def settle(self, ended: Any) -> None:
        """Keep no account."""


@pytest.mark.parametrize(
    ("on_timeout", "kind"), [("allow", Call), ("deny", Refusal)], ids=["allow", "deny"]
)
def test_where_waiting_breaks_what_nobody_answered_holds(on_timeout: Any, kind: type) -> None:
    gate.use(_Answer(Hold("1", "May it?", 5, on_timeout), RuntimeError("broken")))
    try:
        assert isinstance(gate.enter(AT, STREAMED), kind)
        assert isinstance(asyncio.run(gate.enter_async(AT, STREAMED)), kind)
        assert mishap.counts()["policy.wait"] == 2
    finally:
        gate.use(None)
        mishap.forget()


def test_nonsense_lets_pass(monkeypatch: pytest.MonkeyPatch, recorder: Recorder) -> None:
    monkeypatch.setattr(recorder, "decision", "yes")

    call = entered()

    assert call.decision == Allow("policy_failed")
    assert mishap.counts() == {"policy.decide": 1}
    mishap.forget()


def test_a_call_collected_inside_the_policy_is_settled_after_it(recorder: Recorder) -> None:
    """As when the garbage collector strikes while the policy holds its lock."""
    forgotten, seen = [entered()], list[int]()

    def decide(ask: Any) -> Allow:
        forgotten.clear()
        seen.append(len(recorder.settled))
        return Allow("no_policy")

    recorder.decision = decide
    entered().left()

    assert seen == [0]
    assert len(recorder.settled) == 2


def test_the_policy_is_that_of_the_call_s_beginning(recorder: Recorder) -> None:
    call = entered()
    gate.use(Recorder())

    call.left()

    assert len(recorder.settled) == 1


def test_a_wrong_entry_of_the_environment_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    mishap.forget()

    hosts.load({"MANAGER_LLM_HOSTS": "gw"})
    hosts.load({"MANAGER_LLM_HOSTS": "gw"})

    assert len([record for record in caplog.records if record.name == "manager_agent"]) == 1
    hosts.load({})
    mishap.forget()


def test_work_within_work_waits_for_its_end() -> None:
    order = list[str]()

    def outer(name: str) -> None:
        reentry.guarded(order.append, "inner")
        order.append(name)

    reentry.guarded(outer, "outer")

    assert order == ["outer", "inner"]


def test_a_refusal_that_cannot_be_worded_stands(
    monkeypatch: pytest.MonkeyPatch, recorder: Recorder
) -> None:
    from manager_agent.instrumentation import refusal

    def broken(refuse: Refuse) -> str:
        raise RuntimeError("broken")

    monkeypatch.setattr(refusal, "explained", broken)
    recorder.decision = REFUSE

    answer = gate.enter(AT, STREAMED)

    assert isinstance(answer, Refusal)
    assert REFUSE.message in answer.message
    mishap.forget()


def test_what_is_open_when_the_process_ends_is_settled(recorder: Recorder) -> None:
    """As a stream that a script leaves at its top level."""
    call = entered()
    call.answered(200, SSE)
    call.chunk(openai_stream().pieces[0])
    over = entered()
    over.left()

    close_open()
    call.left()

    left, open_at_the_end = recorder.settled
    assert left.ask.call_id == over.ask.call_id
    assert open_at_the_end.ending == "abandoned"
    assert open_at_the_end.told.estimated


def test_a_copy_that_a_fork_made_is_the_parent_s_to_settle(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = entered()

    monkeypatch.setattr("os.getpid", lambda: 1)
    call.left()

    assert not recorder.settled


def test_a_client_that_ends_in_another_context(recorder: Recorder) -> None:
    token = contextvars.copy_context().run(gate.begin)

    gate.end(token)  # raises nothing: a collected coroutine ends wherever it is collected
