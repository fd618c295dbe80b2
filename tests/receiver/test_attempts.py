"""Attempts that our meter saw: each a call of its own, whoever else tells of them."""

from collections.abc import Sequence
from itertools import permutations

import pytest

from manager_agent.contract.attributes import CALL_ID
from manager_agent.receiver.call import Call
from manager_agent.receiver.span import Span
from manager_agent.receiver.testing import NOW_NS, MemoryStore
from tests.harness.stories import Receiver, llm

OFFICIAL = "opentelemetry.instrumentation.genai.openai"
MS = 10**6


def attempt(number: int, tokens: int = 100, **given: object) -> Span:
    stamp = {CALL_ID: f"{number:032x}", **dict(given.pop("attributes", {}))}  # type: ignore[call-overload]
    return llm("a", number, tokens, scope="manager_agent", attributes=stamp, **given)


def failed(number: int, **given: object) -> Span:
    attributes = {"http.response.status_code": 500, "error.type": "500"}
    return attempt(number, 0, status=2, attributes=attributes, **given)


def official(number: int, tokens: int = 100, answer: str = "", **given: object) -> Span:
    more = {"gen_ai.response.id": answer} if answer else {}
    return llm("a", number, tokens, scope=OFFICIAL, attributes=more, **given)


def calls(portions: Sequence[Sequence[Span]]) -> list[Call]:
    receiver = Receiver(MemoryStore())
    for portion in portions:
        receiver.take(portion)
    return sorted(receiver.store.calls().values(), key=lambda call: call.start_ns)


def every_order(spans: Sequence[Span]) -> list[list[Call]]:
    return [calls([[each] for each in order]) for order in permutations(spans)]


def test_a_retry_under_one_official_span_is_two_calls() -> None:
    story = [
        official(1, lasts_ns=100 * MS),
        failed(2, parent=1, start_ns=NOW_NS + MS, lasts_ns=10 * MS),
        attempt(3, parent=1, start_ns=NOW_NS + 50 * MS, lasts_ns=10 * MS),
    ]

    for found in every_order(story):
        assert [(call.error, call.input_tokens) for call in found] == [(False, 100), (True, 0)]
        assert found[0].emitters == f"manager_agent,{OFFICIAL}"
        assert {call.call_id for call in found} == {f"{2:032x}", f"{3:032x}"}


def test_the_official_span_goes_to_the_attempt_with_its_response_id() -> None:
    """An automatic function call: two answers under one span, which tells of the last alone."""
    answers = [{"gen_ai.response.id": "resp_1"}, {"gen_ai.response.id": "resp_2"}]
    story = [
        official(1, 30, "resp_1", lasts_ns=100 * MS),
        attempt(2, 30, parent=1, attributes=answers[0], start_ns=NOW_NS + MS, lasts_ns=MS),
        attempt(3, 70, parent=1, attributes=answers[1], start_ns=NOW_NS + 9 * MS, lasts_ns=MS),
    ]

    for found in every_order(story):
        assert [call.input_tokens for call in found] == [30, 70]
        assert [call.emitters for call in found] == [f"manager_agent,{OFFICIAL}", "manager_agent"]


def test_an_official_span_whose_attempts_all_failed_goes_to_the_last() -> None:
    story = [
        official(1, 0, status=2, lasts_ns=100 * MS),
        failed(2, parent=1, start_ns=NOW_NS + MS, lasts_ns=MS),
        failed(3, parent=1, start_ns=NOW_NS + 9 * MS, lasts_ns=MS),
    ]

    for found in every_order(story):
        assert [call.error for call in found] == [True, True]
        # The official span began first, and lends its start to the call it is part of.
        assert found[0].call_id == f"{3:032x}"


def test_two_claims_with_one_call_id_are_one_call() -> None:
    story = [attempt(1), llm("b", 7, scope="collector", attributes={CALL_ID: f"{1:032x}"})]

    for found in every_order(story):
        assert [call.emitters for call in found] == ["collector,manager_agent"]


@pytest.mark.parametrize("answer", ["", "chatcmpl-1"])
def test_a_claim_of_another_exporter_joins_the_attempt_it_resembles(answer: str) -> None:
    """A framework whose span is a root of another trace, beside a retry under an official span."""
    known = {"gen_ai.response.id": answer} if answer else {}
    story = [
        official(1, answer=answer, lasts_ns=100 * MS),
        failed(2, parent=1, start_ns=NOW_NS + MS, lasts_ns=10 * MS),
        attempt(3, parent=1, attributes=known, start_ns=NOW_NS + 50 * MS, lasts_ns=10 * MS),
        llm("b", 1, scope="openinference", attributes=known, lasts_ns=101 * MS),
    ]

    for found in every_order(story):
        assert [call.error for call in found] == [False, True]
        assert found[0].emitters == f"manager_agent,openinference,{OFFICIAL}"


def test_parallel_attempts_with_one_repeated_response_id_stay_apart() -> None:
    """A local server that gives every answer one id; each attempt has its official span above."""
    same = {"gen_ai.response.id": "chatcmpl-1"}
    story = [
        official(1, 10, "chatcmpl-1"),
        attempt(2, 10, parent=1, attributes=same),
        official(3, 20, "chatcmpl-1"),
        attempt(4, 20, parent=3, attributes=same),
    ]

    for found in every_order(story):
        assert sorted(call.input_tokens or 0 for call in found) == [10, 20]
        assert {call.emitters for call in found} == {f"manager_agent,{OFFICIAL}"}
