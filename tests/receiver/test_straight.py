"""A claim alone goes straight to its row: what is published is what the search for others finds."""

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manager_agent.receiver.call import Call
from manager_agent.receiver.changes import Arrived, Changes
from manager_agent.receiver.claim import Claim
from manager_agent.receiver.net import Net
from manager_agent.receiver.recognise import recognise
from manager_agent.receiver.remembered import Due, Published
from manager_agent.receiver.span import Span
from manager_agent.receiver.standing import Standing
from manager_agent.receiver.testing import NOW_NS, MemoryStore, span
from manager_agent.receiver.tool import tool_call_of
from manager_agent.receiver.window import MergeWindow
from tests.harness.stories import DOOR, WINDOW_NS, agent, llm, priced, stories

SECOND_NS = 10**9


class Searching(Net):
    """Looks for others whatever the look-ups say."""

    def paired(self, claim: Claim) -> None:
        return None

    def alone(self, claim: Claim) -> bool:
        return False


class Whole(Standing):
    """Keeps every version with its row."""

    def put_lone(self, name: str, claim: Claim, revision: int, due: Due, row: Call | None) -> None:
        self.assign(claim.key, name)
        kept = Published(row or tool_call_of(claim), revision, False, (claim.key,), due.at_ns)
        self.put(name, kept)


def windows(most_spans: int = 10**6) -> tuple[MergeWindow, MergeWindow]:
    """Return one that goes straight, and one that always takes the long way."""
    straight = MergeWindow(priced, window_ns=WINDOW_NS, most_spans=most_spans)
    general = MergeWindow(priced, window_ns=WINDOW_NS, most_spans=most_spans)
    general._net, general._standing = Searching(), Whole()
    return straight, general


def tool(trace: str, number: int, parent: int) -> Span:
    told = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "search"}
    return span(trace, number, told, parent=parent)


def steps(
    window: MergeWindow, store: MemoryStore, portions: list[tuple[list[Arrived], int]]
) -> Iterator[Changes]:
    """Yield all that a window publishes of portions, with a sweep some seconds after each."""
    now_ns = NOW_NS
    for arrived, seconds in portions:
        late = window.late(arrived, now_ns)
        if late:
            window.restore(*store.relatives(late), now_ns, {each.trace_id for each in late})
        now_ns += seconds * SECOND_NS
        for changes in (window.add(arrived, now_ns), window.sweep(now_ns)):
            store.append(changes)
            yield changes


@settings(max_examples=150, deadline=None)
@given(
    stories(),
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(50, 53), st.integers(0, 6)), max_size=4),
    st.randoms(use_true_random=False),
    st.lists(st.tuples(st.integers(1, 6), st.sampled_from([0, 1, 300, 700])), min_size=8),
    st.sampled_from([10**6, 5]),
)
def test_the_straight_way_publishes_what_the_long_one_does(
    spans: list[Span],
    tools: list[tuple[str, int, int]],
    dice: object,
    sizes: list[tuple[int, int]],
    most_spans: int,
) -> None:
    """To the order, the revisions and what is sealed when: in any portions, with any repeats."""
    spans = [*spans, *(tool(*each) for each in {each[:2]: each for each in tools}.values())]
    order = [*spans, *spans[: len(spans) // 2]]
    dice.shuffle(order)  # type: ignore[attr-defined]
    told = [Arrived(each, recognise(each, DOOR)) for each in order]
    portions = []
    for size, seconds in sizes:
        portions.append((told[:size], seconds))
        told = told[size:]
    portions.append((told, 700))
    straight, general = (
        list(steps(window, MemoryStore(), portions)) for window in windows(most_spans)
    )

    assert straight == general


def test_a_lone_version_keeps_its_price_until_its_usage_changes() -> None:
    window, _ = windows()
    [before] = window.add([arrived(llm("a", 2, parent=1))], NOW_NS).calls
    window._cost = lambda call: call.costing(1, "local")

    [after] = window.add([arrived(agent("a", 1, "late"))], NOW_NS + 1).calls

    assert (after.call.agent, after.call.cost_nano) == ("late", before.call.cost_nano)


def test_what_changed_since_is_sealed_by_its_last_change() -> None:
    window, _ = windows()
    window.add([arrived(llm("a", 2, parent=1)), arrived(llm("b", 1))], NOW_NS)
    window.add([arrived(agent("a", 1, "late"))], NOW_NS + 300 * SECOND_NS)

    sealed = [window.sweep(NOW_NS + at * SECOND_NS).sealed_calls for at in (599, 600, 601, 901)]

    assert [len(names) for names in sealed] == [0, 1, 0, 1]
    assert sealed[1][0].startswith("b")


@pytest.mark.parametrize("again", [1, 2, 3])
def test_a_span_that_comes_again_in_its_own_group_is_a_duplicate(again: int) -> None:
    window, _ = windows()

    changes = window.add([arrived(llm("a", 1))] * (1 + again), NOW_NS)

    assert (changes.duplicates, len(changes.calls), len(changes.spans)) == (again, 1, 1)


def test_a_claim_that_left_and_came_back_is_found_once_by_time() -> None:
    """In between its emitter was alone in its process, so that nobody had searched by time."""
    window, _ = windows(most_spans=1)
    store = MemoryStore()
    first = [arrived(llm("a", 1, 10, scope="one", parent=9)), arrived(llm("c", 1, 30, scope="one"))]
    partner = arrived(llm("b", 1, 10, scope="two"))
    portions = [(first, 1), ([arrived(agent("a", 9, "writer"))], 1), ([partner], 700), ([], 1)]

    for _ in steps(window, store, portions):
        pass

    assert sorted(call.emitters for call in store.calls().values()) == ["one", "one,two"]
    assert not window._net._by_process


def arrived(one: Span) -> Arrived:
    return Arrived(one, recognise(one, DOOR))
