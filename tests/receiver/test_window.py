"""The merge window: what is published does not depend on order, portions, repeats or lateness."""

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from manager_agent.receiver.call import Call
from manager_agent.receiver.changes import MINUTE_NS, Arrived, UsageDelta, UsageKey
from manager_agent.receiver.content import Door
from manager_agent.receiver.recognise import recognise
from manager_agent.receiver.span import Span
from manager_agent.receiver.testing import NOW_NS, MemoryStore, span
from manager_agent.receiver.window import MergeWindow

DOOR = Door(b"k" * 32)
WINDOW_NS = 600 * 10**9


def priced(call: Call) -> Call:
    return call._replace(cost_nano=(call.input_tokens or 0) * 7, cost_source="local")


class Receiver:
    """A window over a store, driven by hand as the intake does."""

    def __init__(self, window_ns: int = WINDOW_NS, most_spans: int = 10**6) -> None:
        self.store = MemoryStore()
        self.now_ns = NOW_NS
        self._limits = window_ns, most_spans
        self.window = self._window()

    def _window(self) -> MergeWindow:
        window_ns, most_spans = self._limits
        return MergeWindow(priced, window_ns=window_ns, most_spans=most_spans)

    def take(self, spans: Sequence[Span]) -> int:
        """Return the number of duplicates."""
        arrived = [Arrived(each, recognise(each, DOOR)) for each in spans]
        late = self.window.late(arrived, self.now_ns)
        if late:
            known, published = self.store.relatives(late)
            self.window.restore(known, published, self.now_ns, {each.trace_id for each in late})
        changes = self.window.add(arrived, self.now_ns)
        self.store.append(changes)
        return changes.duplicates

    def wait(self, seconds: float) -> None:
        self.now_ns += round(seconds * 10**9)
        self.store.append(self.window.sweep(self.now_ns))

    def restart(self) -> None:
        self.window = self._window()
        since_ns = self.now_ns - self._limits[0]
        self.window.restore(*self.store.recent(since_ns, 10**6), self.now_ns)


def llm(trace: str, number: int, tokens: int = 100, **given: object) -> Span:
    attributes = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.usage.input_tokens": tokens,
        "gen_ai.usage.output_tokens": 5,
        **dict(given.pop("attributes", {})),  # type: ignore[call-overload]
    }
    return span(trace, number, attributes, **given)  # type: ignore[arg-type]


def agent(trace: str, number: int, name: str, **given: object) -> Span:
    attributes = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": name}
    return span(trace, number, attributes, **given)  # type: ignore[arg-type]


def test_an_agent_that_arrives_after_its_call_was_sealed_corrects_it() -> None:
    receiver = Receiver()
    receiver.take([llm("a", 2, parent=3), span("a", 3, parent=1, name="framework")])
    receiver.wait(700)
    assert [call.agent for call in receiver.store.calls().values()] == ["service-1"]

    receiver.take([agent("a", 1, "writer", start_ns=NOW_NS - 10**9, lasts_ns=1000 * 10**9)])

    assert [call.agent for call in receiver.store.calls().values()] == ["writer"]
    assert counted(receiver.store) == sums(receiver.store)


def test_the_nearest_agent_counts() -> None:
    receiver = Receiver()
    receiver.take([agent("a", 1, "boss"), agent("a", 2, "helper", parent=1), llm("a", 3, parent=2)])

    assert [call.agent for call in receiver.store.calls().values()] == ["helper"]


def test_a_call_inside_a_tool_inside_a_call_is_a_second_call() -> None:
    tool = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "ask"}
    receiver = Receiver()
    receiver.take([llm("a", 1), span("a", 2, tool, parent=1), llm("a", 3, parent=2)])

    assert len(receiver.store.calls()) == 2


def test_two_emitters_in_two_traces_are_one_call_by_their_response_id() -> None:
    same = {"gen_ai.response.id": "resp_1"}
    receiver = Receiver()
    receiver.take([llm("a", 1, attributes=same, scope="one")])
    receiver.wait(700)
    receiver.take([llm("b", 1, attributes=same, scope="two")])

    (call,) = receiver.store.calls().values()
    assert call.emitters == "one,two"
    assert counted(receiver.store) == sums(receiver.store)


def test_one_emitter_with_one_response_id_twice_made_two_calls() -> None:
    same = {"gen_ai.response.id": "chatcmpl-7"}
    receiver = Receiver()
    receiver.take([llm("a", 1, attributes=same), llm("b", 1, attributes=same)])

    assert len(receiver.store.calls()) == 2


def test_short_ids_that_local_servers_reuse_do_not_merge_calls_far_apart() -> None:
    same = {"gen_ai.response.id": "chatcmpl-7"}
    receiver = Receiver()
    far_ns = NOW_NS + 300 * 10**9
    receiver.take([llm("a", 1, attributes=same, scope="one")])
    receiver.take([llm("b", 1, attributes=same, scope="two", start_ns=far_ns)])

    assert len(receiver.store.calls()) == 2


def test_parallel_calls_of_two_emitters_match_one_to_one() -> None:
    receiver = Receiver()
    spans = []
    for number in range(1, 6):
        at_ns = NOW_NS + number * 10**6
        spans.append(llm("a", number, scope="framework", start_ns=at_ns, lasts_ns=2 * 10**9))
        spans.append(llm("b", number, scope="sdk", start_ns=at_ns + 10**5, lasts_ns=19 * 10**8))
    receiver.take(spans)

    calls = receiver.store.calls().values()
    assert len(calls) == 5
    assert {call.emitters for call in calls} == {"framework,sdk"}


def test_a_repeated_call_id_of_a_guard_loses_no_call() -> None:
    stamp = {"manager.call.id": "c" * 32}
    receiver = Receiver()
    receiver.take([llm("a", 1, 10, attributes=stamp)])
    receiver.take([llm("b", 1, 20, attributes=stamp)])

    # One call id is one call, by our own word; what matters is that sums and rows agree.
    assert counted(receiver.store) == sums(receiver.store)
    assert len(receiver.store.calls()) == 1


def test_a_batch_sent_again_after_a_restart_counts_once() -> None:
    receiver = Receiver()
    batch = [agent("a", 1, "writer"), llm("a", 2, parent=1)]
    receiver.take(batch)
    receiver.wait(700)
    receiver.restart()

    assert receiver.take(batch) == 2
    assert len(receiver.store.calls()) == 1


def test_a_crowded_window_seals_early_and_stays_right() -> None:
    receiver = Receiver(most_spans=8)
    batches = [[agent(t, 1, "w"), llm(t, 2, parent=1)] for t in "abcdef0123456789"]
    for batch in batches:
        receiver.take(batch)
        receiver.wait(1)
    assert receiver.window.size <= 8

    assert [receiver.take(batch) for batch in batches] == [2] * len(batches)
    assert len(receiver.store.calls()) == len(batches)


def test_a_price_that_changed_does_not_touch_a_call_whose_usage_did_not() -> None:
    receiver = Receiver()
    receiver.take([llm("a", 2, parent=1)])
    receiver.window._cost = lambda call: call._replace(cost_nano=1, cost_source="local")
    receiver.take([agent("a", 1, "late")])

    (call,) = receiver.store.calls().values()
    assert (call.agent, call.cost_nano) == ("late", 700)


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


SCOPES = st.sampled_from(["one", "two", "three"])


@st.composite
def stories(draw: st.DrawFn) -> list[Span]:
    """Traces in which agents, tools and calls of several emitters nest and overlap."""
    spans: list[Span] = []
    for trace in "abc"[: draw(st.integers(1, 3))]:
        for number in range(1, draw(st.integers(2, 6))):
            parent = draw(st.integers(0, number - 1))
            start_ns = NOW_NS + draw(st.integers(0, 20)) * 10**6
            lasts_ns = draw(st.integers(1, 30)) * 10**6
            given = {"parent": parent, "start_ns": start_ns, "lasts_ns": lasts_ns}
            kind = draw(st.sampled_from(["llm", "llm", "llm", "agent", "plain", "failed"]))
            scope = draw(SCOPES)
            if kind == "agent":
                spans.append(agent(trace, number, f"agent-{number}", **given))
            elif kind == "plain":
                spans.append(span(trace, number, **given))  # type: ignore[arg-type]
            elif kind == "failed":
                spans.append(llm(trace, number, 0, scope=scope, status=2, **given))
            else:
                answer = draw(st.sampled_from(["", "", "resp_1", "resp_2"]))
                tokens = draw(st.sampled_from([0, 10, 20]))
                more = {"gen_ai.response.id": answer}
                spans.append(llm(trace, number, tokens, scope=scope, attributes=more, **given))
    return spans


@settings(max_examples=300, deadline=None)
@given(stories(), st.randoms(use_true_random=False), st.data())
def test_no_order_portion_repeat_or_delay_changes_the_outcome(
    spans: list[Span], dice: object, data: st.DataObject
) -> None:
    """Sealed, evicted, restarted, crowded in between: in the end the calls are the same."""
    at_once = Receiver()
    at_once.take(spans)
    receiver = Receiver(most_spans=data.draw(st.sampled_from([10**6, 4])))
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
