"""The merge window: what is published does not depend on order, portions, repeats or lateness."""

from collections.abc import Sequence
from itertools import permutations

from hypothesis import given, settings
from hypothesis import strategies as st

from manager_agent.receiver.call import Call
from manager_agent.receiver.changes import MINUTE_NS, UsageDelta, UsageKey
from manager_agent.receiver.remembered import Late, Published, Remembered
from manager_agent.receiver.span import Span
from manager_agent.receiver.testing import NOW_NS, MemoryStore, span
from tests.harness.stories import Receiver, agent, llm, stories


def in_memory(**limits: int) -> Receiver[MemoryStore]:
    return Receiver(MemoryStore(), **limits)


def test_an_agent_that_arrives_after_its_call_was_sealed_corrects_it() -> None:
    receiver = in_memory()
    receiver.take([llm("a", 2, parent=3), span("a", 3, parent=1, name="framework")])
    receiver.wait(700)
    assert [call.agent for call in receiver.store.calls().values()] == ["service-1"]

    receiver.take([agent("a", 1, "writer", start_ns=NOW_NS - 10**9, lasts_ns=1000 * 10**9)])

    assert [call.agent for call in receiver.store.calls().values()] == ["writer"]
    assert counted(receiver.store) == sums(receiver.store)


def test_the_nearest_agent_counts() -> None:
    receiver = in_memory()
    receiver.take([agent("a", 1, "boss"), agent("a", 2, "helper", parent=1), llm("a", 3, parent=2)])

    assert [call.agent for call in receiver.store.calls().values()] == ["helper"]


def test_a_call_inside_a_tool_inside_a_call_is_a_second_call() -> None:
    tool = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "ask"}
    receiver = in_memory()
    receiver.take([llm("a", 1), span("a", 2, tool, parent=1), llm("a", 3, parent=2)])

    assert len(receiver.store.calls()) == 2


def test_two_emitters_in_two_traces_are_one_call_by_their_response_id() -> None:
    same = {"gen_ai.response.id": "resp_1"}
    receiver = in_memory()
    receiver.take([llm("a", 1, attributes=same, scope="one")])
    receiver.wait(700)
    receiver.take([llm("b", 1, attributes=same, scope="two")])

    (call,) = receiver.store.calls().values()
    assert call.emitters == "one,two"
    assert counted(receiver.store) == sums(receiver.store)


def test_one_emitter_with_one_response_id_twice_made_two_calls() -> None:
    same = {"gen_ai.response.id": "chatcmpl-7"}
    receiver = in_memory()
    receiver.take([llm("a", 1, attributes=same), llm("b", 1, attributes=same)])

    assert len(receiver.store.calls()) == 2


def test_short_ids_that_local_servers_reuse_do_not_merge_calls_far_apart() -> None:
    same = {"gen_ai.response.id": "chatcmpl-7"}
    receiver = in_memory()
    far_ns = NOW_NS + 300 * 10**9
    receiver.take([llm("a", 1, attributes=same, scope="one")])
    receiver.take([llm("b", 1, attributes=same, scope="two", start_ns=far_ns)])

    assert len(receiver.store.calls()) == 2


def test_parallel_calls_of_two_emitters_match_one_to_one() -> None:
    receiver = in_memory()
    spans = []
    for number in range(1, 6):
        at_ns = NOW_NS + number * 10**6
        spans.append(llm("a", number, scope="framework", start_ns=at_ns, lasts_ns=2 * 10**9))
        spans.append(llm("b", number, scope="sdk", start_ns=at_ns + 10**5, lasts_ns=19 * 10**8))
    receiver.take(spans)

    calls = receiver.store.calls().values()
    assert len(calls) == 5
    assert {call.emitters for call in calls} == {"framework,sdk"}


def test_a_call_that_fits_two_goes_to_the_one_that_leaves_nobody_alone() -> None:
    """The short one fits the long ones both, and better the one that has another of its own."""
    ms = 10**6
    spans = [
        llm("a", 1, scope="framework", lasts_ns=100 * ms),
        llm("a", 2, scope="framework", start_ns=NOW_NS + 50 * ms, lasts_ns=150 * ms),
        llm("b", 1, scope="sdk", start_ns=NOW_NS + 50 * ms, lasts_ns=50 * ms),
        llm("b", 2, scope="sdk", start_ns=NOW_NS + 20 * ms, lasts_ns=10 * ms),
    ]
    for order in permutations(spans):
        receiver = in_memory()
        for each in order:
            receiver.take([each])

        calls = receiver.store.calls().values()
        assert [call.emitters for call in calls] == ["framework,sdk"] * 2


def test_a_parent_that_arrives_later_frees_a_partner_for_another() -> None:
    """Two calls, each told of by both emitters, at one instant; only a parent tells which is which.

    Until it arrives, `a` is taken for one call with `b`; then it is one with `c`.
    """
    first = [llm("a", 1, scope="sdk"), llm("b", 2, scope="framework", parent=1)]
    other, parent = llm("c", 1, scope="framework"), llm("b", 1, 0, scope="sdk")
    for portions in (
        [[*first, other, parent]],
        [[other, *first], [parent]],
        [first, [other], [parent]],
        [[other], [parent], first],
    ):
        receiver = in_memory()
        for portion in portions:
            receiver.take(portion)

        assert {call.trace_id[0] for call in receiver.store.calls().values()} == {"a", "b"}
        assert {call.emitters for call in receiver.store.calls().values()} == {"framework,sdk"}


def test_a_repeated_call_id_of_a_guard_loses_no_call() -> None:
    stamp = {"manager.call.id": "c" * 32}
    receiver = in_memory()
    receiver.take([llm("a", 1, 10, attributes=stamp)])
    receiver.take([llm("b", 1, 20, attributes=stamp)])

    # One call id is one call, by our own word; what matters is that sums and rows agree.
    assert counted(receiver.store) == sums(receiver.store)
    assert len(receiver.store.calls()) == 1


def test_no_strangers_call_id_takes_the_name_of_another_call() -> None:
    """A tool and a call that nobody named are called by trace and span."""
    receiver = in_memory()
    tool = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "search"}
    receiver.take([span("a", 1, tool), llm("b", 1)])
    names = {f"{letter * 32}:{1:016x}" for letter in "ab"}
    for number, name in enumerate(sorted(names), start=2):
        receiver.take([llm("c", number, attributes={"manager.call.id": name})])

    assert counted(receiver.store) == sums(receiver.store)
    assert len(receiver.store.calls()) == 3


def test_a_batch_sent_again_after_a_restart_counts_once() -> None:
    receiver = in_memory()
    batch = [agent("a", 1, "writer"), llm("a", 2, parent=1)]
    receiver.take(batch)
    receiver.wait(700)
    receiver.restart()

    assert receiver.take(batch) == 2
    assert len(receiver.store.calls()) == 1


def test_a_crowded_window_seals_early_and_stays_right() -> None:
    receiver = in_memory(most_spans=8)
    batches = [[agent(t, 1, "w"), llm(t, 2, parent=1)] for t in "abcdef0123456789"]
    for batch in batches:
        receiver.take(batch)
        receiver.wait(1)
    assert receiver.window.size <= 8

    assert [receiver.take(batch) for batch in batches] == [2] * len(batches)
    assert len(receiver.store.calls()) == len(batches)


def test_a_price_that_changed_does_not_touch_a_call_whose_usage_did_not() -> None:
    receiver = in_memory()
    receiver.take([llm("a", 2, parent=1)])
    receiver.window._cost = lambda call: call._replace(cost_nano=1, cost_source="local")
    receiver.take([agent("a", 1, "late")])

    (call,) = receiver.store.calls().values()
    assert (call.agent, call.cost_nano) == ("late", 700)


def test_a_crowded_window_asks_the_store_only_for_traces_it_cut_off() -> None:
    class Counting(MemoryStore):
        asked = 0

        def relatives(self, late: Sequence[Late]) -> tuple[list[Remembered], list[Published]]:
            self.asked += 1
            return super().relatives(late)

    store = Counting()
    receiver = Receiver(store, most_spans=4)
    for minute, trace in enumerate("abcdef"):
        at_ns = NOW_NS + minute * 10**10
        child = llm(trace, 2, parent=1, start_ns=at_ns)
        receiver.take([child, agent(trace, 1, "writer", start_ns=at_ns)])
        receiver.wait(10)
    assert store.asked == 0

    receiver.take([llm("a", 3, parent=1, start_ns=NOW_NS + 6 * 10**10)])

    assert store.asked == 1
    assert {call.agent for call in store.calls().values()} == {"writer"}


def test_a_claim_that_begins_just_after_one_that_was_crowded_out_joins_it() -> None:
    receiver = in_memory(most_spans=1)
    receiver.take([llm("b", 1, 10, scope="one", lasts_ns=10**6)])
    receiver.take([llm("a", 1)])
    receiver.wait(0)
    receiver.take([llm("c", 1, 10, scope="two", start_ns=NOW_NS + 2 * 10**6, lasts_ns=10**6)])

    assert {call.emitters for call in receiver.store.calls().values()} == {"one,two", "test.scope"}


def test_a_restart_keeps_the_emitter_of_a_call_that_came_long_before() -> None:
    receiver = in_memory()
    receiver.take([llm("a", 1, scope="one", start_ns=NOW_NS + 10**6, lasts_ns=10**6)])
    receiver.wait(700)
    receiver.take([llm("b", 1, scope="two", parent=9)])
    receiver.restart()
    receiver.take([agent("b", 9, "writer")])

    (call,) = receiver.store.calls().values()
    assert (call.agent, call.emitters) == ("writer", "one,two")


def counted(store: MemoryStore) -> dict[UsageKey, UsageDelta]:
    return {key: delta for key, delta in store.usage.items() if delta.calls}


def sums(store: MemoryStore) -> dict[UsageKey, UsageDelta]:
    """Return the rollup as it follows from the calls themselves."""
    found: dict[UsageKey, UsageDelta] = {}
    for call in store.calls().values():
        minute = call.start_ns // MINUTE_NS * MINUTE_NS
        model = call.response_model or call.request_model
        key = UsageKey(minute, call.agent, call.provider, model)
        found.setdefault(key, UsageDelta()).add(call, 1)
    return found


@settings(max_examples=300, deadline=None)
@given(stories(), st.randoms(use_true_random=False), st.data())
def test_no_order_portion_repeat_or_delay_changes_the_outcome(
    spans: list[Span], dice: object, data: st.DataObject
) -> None:
    """Sealed, evicted, restarted, crowded in between: in the end the calls are the same."""
    at_once = in_memory()
    at_once.take(spans)
    receiver = in_memory(most_spans=data.draw(st.sampled_from([10**6, 4])))
    order = [*spans, *spans[: len(spans) // 2]]
    dice.shuffle(order)  # type: ignore[attr-defined]
    while order:
        size = data.draw(st.integers(1, len(order)))
        portion, order = order[:size], order[size:]
        receiver.take(portion)
        receiver.wait(data.draw(st.sampled_from([0.0, 1.0, 700.0])))
        if data.draw(st.integers(0, 5)) == 0:
            receiver.restart()

    assert view(receiver.store) == view(at_once.store)
    assert totals(receiver.store) == totals(at_once.store)
    assert len(receiver.store.spans) == len(spans)


def view(store: MemoryStore) -> list[Call]:
    return sorted(store.calls().values(), key=lambda call: call.call_id)


def totals(store: MemoryStore) -> dict[UsageKey, tuple[int, ...]]:
    return {
        key: (delta.calls, delta.errors, delta.input_tokens, delta.cost_nano)
        for key, delta in counted(store).items()
    }
