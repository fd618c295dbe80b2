"""What leaves the window takes nothing of others along, and leaves nothing behind."""

from manager_agent.contract.attributes import CALL_ID
from manager_agent.receiver.changes import Arrived, Changes
from manager_agent.receiver.claim import NOTHING_ABOVE, Claim, claim_of
from manager_agent.receiver.net import Net
from manager_agent.receiver.recognise import recognise
from manager_agent.receiver.span import Span
from manager_agent.receiver.standing import Standing
from manager_agent.receiver.testing import NOW_NS, span
from manager_agent.receiver.window import MergeWindow
from tests.harness.stories import DOOR, WINDOW_NS, agent, llm, priced

SECOND_NS = 10**9


def test_a_claim_that_bears_the_name_of_anothers_call_does_not_take_it_along() -> None:
    standing, changes = Standing(), Changes(NOW_NS, newest_sealed=0)
    own, other = (
        claim(llm("a", 1)),
        claim(llm("b", 1, attributes={CALL_ID: "a" * 16 + f"{1:016x}"})),
    )
    name = other.call.call_id or ""
    standing.put_lone(name, own, 1, standing.due(NOW_NS), None)

    assert standing.name_of(other) is None
    assert not standing.drop_lone(other, changes)
    standing.drop_trace("b" * 32, changes)

    assert (standing.name_of(own), changes.sealed_calls) == (name, [])


def test_a_trace_leaves_with_its_calls_sealed_once_and_the_newest_told() -> None:
    standing, changes = Standing(), Changes(NOW_NS, newest_sealed=0)
    for number, revision in ((1, 7), (2, 9), (3, 8)):
        due = standing.due(NOW_NS + number)
        standing.put_lone(f"call {number}", claim(llm("a", number)), revision, due, None)
    standing.seal_until(NOW_NS + 1, changes)
    standing.drop_trace("a" * 32, changes)

    assert changes.sealed_calls == ["call 1", "call 2", "call 3"]
    assert changes.newest_sealed == 9
    assert not list(standing.versions())
    assert not any(due.left for due in standing._due)


def test_a_trace_leaves_without_a_name_that_was_given_to_another_call_since() -> None:
    standing, changes = Standing(), Changes(NOW_NS, newest_sealed=0)
    for trace in "ab":
        if "call" in standing:
            standing.retract("call")
        standing.put_lone("call", claim(llm(trace, 1)), 1, standing.due(NOW_NS), None)

    standing.drop_trace("a" * 32, changes)

    assert "call" in standing
    assert not changes.sealed_calls


def test_a_call_is_sealed_by_its_own_time_though_its_trace_goes_on() -> None:
    window = new_window()
    window.add([arrived(llm("a", 1))], NOW_NS)
    window.add([arrived(span("a", 2))], NOW_NS + 300 * SECOND_NS)

    sealed = [window.sweep(NOW_NS + at * SECOND_NS).sealed_calls for at in (599, 600, 900)]

    assert [len(names) for names in sealed] == [0, 1, 0]


def test_what_is_published_again_and_again_waits_once() -> None:
    window = new_window()
    window.add([arrived(llm("a", 100, parent=99))], NOW_NS)
    for number in range(99, 1, -1):
        now_ns = NOW_NS + (100 - number) * SECOND_NS
        told = agent("a", number, f"agent {number}", parent=number - 1)
        window.add([arrived(told)], now_ns)
        window.sweep(now_ns)

    assert sum(due.left for due in window._standing._due) == 1
    assert sum(len(due.names) for due in window._standing._due) <= 2


def test_a_claim_that_left_out_of_turn_and_came_back_is_found_once() -> None:
    net = Net()
    first, second = claim(llm("a", 1)), claim(llm("b", 1))
    net.add(first)
    net.add(second)
    net.remove(second)
    net.add(second)
    assert sorted(each.key for each in found(net)) == [first.key, second.key]
    net.remove(second)

    assert found(net) == [first]
    net.remove(first)
    assert (found(net), net.claims, net._by_process) == ([], {}, {})


def test_a_name_of_several_is_one_of_its_own_when_the_others_have_left() -> None:
    net = Net()
    told = {"gen_ai.response.id": "resp"}
    first, second = (claim(llm(trace, 1, attributes=told)) for trace in "ab")
    net.add(first)
    assert net.alone(first)
    net.add(second)
    assert not net.alone(first)
    net.remove(second)
    net.remove(first)
    net.add(first)

    assert net.alone(first)
    assert net._by_answer.several == 0


def test_a_trace_that_left_leaves_nothing_behind() -> None:
    window = new_window(most_spans=1)
    tool = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "t"}
    inner, outer = llm("a", 2, scope="two", parent=1), llm("a", 1, scope="one")
    other = llm("b", 3, 7, parent=9, process="process-2")
    later = outer, agent("b", 9, "late"), span("b", 4, tool)
    window.add([arrived(each) for each in (inner, other)], NOW_NS)
    window.add([arrived(each) for each in later], NOW_NS + 1)
    for key, held in window._net.claims.items():  # once, with all that is known of it by now
        assert window._ancestry.traces[key[0]].spans[key[1]] is held
    window.add([arrived(span("c", 1))], NOW_NS + 2)

    sealed = window.sweep(NOW_NS + 3)

    assert (len(sealed.sealed_calls), len(sealed.sealed_tools), sealed.sealed_early) == (2, 1, 3)
    assert list(window._ancestry.traces) == ["c" * 32]
    assert not window._net.claims
    assert not window._net._below
    assert not window._tools
    standing = window._standing
    assert (standing._versions, standing._names, standing._lone) == ({}, {}, {})


def test_usage_of_a_call_whose_answer_names_no_model_is_that_of_the_model_asked_for() -> None:
    [key] = new_window().add([arrived(llm("a", 1))], NOW_NS).minutes

    assert key.model == "gpt-4o"


def new_window(most_spans: int = 10**6) -> MergeWindow:
    return MergeWindow(priced, window_ns=WINDOW_NS, most_spans=most_spans)


def arrived(one: Span) -> Arrived:
    return Arrived(one, recognise(one, DOOR))


def claim(one: Span) -> Claim:
    fact = recognise(one, DOOR)
    assert fact is not None
    return claim_of((one.trace_id, one.span_id), one, fact, NOTHING_ABOVE, "")


def found(net: Net) -> list[Claim]:
    return list(net.within("process-1", NOW_NS, NOW_NS + SECOND_NS))
