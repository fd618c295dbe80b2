"""Calls that our gate refused: decisions, never calls, whoever else tells of them."""

from itertools import permutations

from manager_agent.receiver.fact import DecisionFact, from_json, to_json
from manager_agent.receiver.recognise import recognise
from manager_agent.receiver.span import Span
from manager_agent.receiver.testing import NOW_NS, MemoryStore, span
from tests.harness.stories import DOOR, Receiver, llm
from tests.receiver.test_attempts import OFFICIAL, attempt, failed, official

MS = 10**6


def refused(trace: str, number: int, call: int = 9, **given: object) -> Span:
    said = {
        "manager.decision": "refuse",
        "manager.decision.reason": "over_budget",
        "manager.limit.name": "daily_limit_usd of agent writer",
        "manager.limit.usd": "10.000000001",
        "manager.call.id": f"{call:032x}",
        "manager.agent.id": "writer",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o",
    }
    return span(trace, number, said, scope="manager_agent", status=2, **given)  # type: ignore[arg-type]


def emitters(portions: list[list[Span]]) -> list[str]:
    receiver = Receiver(MemoryStore())
    for portion in portions:
        receiver.take(portion)
    return sorted(call.emitters for call in receiver.store.calls().values())


def test_a_refusal_is_read_as_a_decision() -> None:
    fact = recognise(refused("a", 1), DOOR)

    assert fact is not None
    assert fact.role == "decision"
    assert fact.agent == "writer"
    assert fact.decision == DecisionFact(
        "refuse", "over_budget", f"{9:032x}", "daily_limit_usd of agent writer", 10_000_000_001
    )
    kept = from_json(to_json(fact))
    assert kept.call == fact.call  # what the window must know of it after a restart


def test_a_refused_call_is_no_call_though_an_instrumentation_tells_of_its_error() -> None:
    story = [
        llm("a", 1, 0, scope="pydantic-ai", status=2, lasts_ns=9 * MS),
        official(2, 0, parent=1, status=2, start_ns=NOW_NS + MS, lasts_ns=5 * MS),
        refused("a", 3, parent=2, start_ns=NOW_NS + 2 * MS, lasts_ns=MS),
    ]

    for order in permutations(story):
        assert emitters([[each] for each in order]) == []


def test_a_failed_call_in_another_trace_is_not_taken_for_the_refused_one() -> None:
    """Likeness alone makes no call disappear: it may have gone out."""
    story = [llm("b", 1, 0, scope="openinference", status=2, lasts_ns=3 * MS)]
    story.append(refused("a", 1, start_ns=NOW_NS + MS, lasts_ns=MS))

    assert emitters([story]) == ["openinference"]
    assert emitters([[story[1]], [story[0]]]) == ["openinference"]


def test_who_knows_of_an_answer_tells_of_no_refused_call() -> None:
    """A router that answers from another provider, whose call nobody else saw."""
    story = [
        llm("a", 1, 70, scope="litellm", lasts_ns=90 * MS),
        refused("a", 2, parent=1, start_ns=NOW_NS + MS, lasts_ns=MS),
    ]

    for order in permutations(story):
        assert emitters([[each] for each in order]) == ["litellm"]


def test_a_retry_that_is_refused_leaves_the_first_attempt() -> None:
    story = [
        official(1, 0, status=2, lasts_ns=90 * MS),
        failed(2, parent=1, start_ns=NOW_NS + MS, lasts_ns=MS),
        refused("a", 3, parent=1, start_ns=NOW_NS + 9 * MS, lasts_ns=MS),
    ]

    for order in permutations(story):
        assert emitters([[each] for each in order]) == ["manager_agent"]


def test_a_call_beside_a_refused_one_stays() -> None:
    """A router that falls back: refused here, answered there, one span around both."""
    story = [
        llm("a", 1, scope="litellm", lasts_ns=90 * MS),
        refused("a", 2, parent=1, start_ns=NOW_NS + MS, lasts_ns=MS),
        attempt(3, parent=1, start_ns=NOW_NS + 9 * MS, lasts_ns=9 * MS),
    ]

    for order in permutations(story):
        assert emitters([[each] for each in order]) == ["litellm,manager_agent"]
    assert OFFICIAL not in emitters([story])
