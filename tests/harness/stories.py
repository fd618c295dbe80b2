"""Stories that spans tell, and the receiver's loop over any store, driven by hand."""

from collections.abc import Sequence
from typing import Generic, TypeVar

from hypothesis import strategies as st

from manager_agent.contract.attributes import CALL_ID
from manager_agent.receiver.call import Call
from manager_agent.receiver.changes import Arrived
from manager_agent.receiver.content import Door
from manager_agent.receiver.recognise import recognise
from manager_agent.receiver.sink import FactSink
from manager_agent.receiver.span import Span
from manager_agent.receiver.testing import NOW_NS, span
from manager_agent.receiver.window import MergeWindow

DOOR = Door(b"k" * 32)
WINDOW_NS = 600 * 10**9

S = TypeVar("S", bound=FactSink)


def priced(call: Call) -> Call:
    return call._replace(cost_nano=(call.input_tokens or 0) * 7, cost_source="local")


class Receiver(Generic[S]):
    """A window over a store, driven by hand as the intake does."""

    def __init__(self, store: S, window_ns: int = WINDOW_NS, most_spans: int = 10**6) -> None:
        self.store = store
        self.now_ns = NOW_NS
        self._limits = window_ns, most_spans
        self.window = self._window()

    def _window(self) -> MergeWindow:
        window_ns, most_spans = self._limits
        return MergeWindow(priced, window_ns=window_ns, most_spans=most_spans)

    def take(self, spans: Sequence[Span]) -> int:
        """Return the number of duplicates."""
        return self.take_in([Arrived(each, recognise(each, DOOR)) for each in spans])

    def take_in(self, arrived: Sequence[Arrived]) -> int:
        """Return the number of duplicates."""
        late = self.window.late(arrived, self.now_ns)
        if late:
            known, published = self.store.relatives(late)
            self.window.restore(known, published, self.now_ns, {each.trace_id for each in late})
        changes = self.window.add(arrived, self.now_ns)
        self.store.append(changes)
        return changes.duplicates

    def wait(self, seconds: float) -> None:
        """Let time pass, then seal what is due."""
        self.now_ns += round(seconds * 10**9)
        self.store.append(self.window.sweep(self.now_ns))

    def restart(self, store: S | None = None) -> None:
        """Forget everything, and read it back from the store; from `store` where one is given."""
        self.store = store or self.store
        self.window = self._window()
        since_ns = self.now_ns - self._limits[0]
        self.store.seal_overdue(since_ns // 1000)
        spans, published, complete = self.store.recent(since_ns, 10**6)
        self.window.restore(spans, published, self.now_ns, complete=complete)
        torn = self.window.torn()
        if torn:
            traces = {late.trace_id for late in torn}
            self.window.restore(*self.store.relatives(torn), self.now_ns, traces)


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


SCOPES = st.sampled_from(["one", "two", "three"])


@st.composite
def stories(draw: st.DrawFn, traces: int = 3, most: int = 6) -> list[Span]:
    """Traces in which agents, tools and calls of several emitters nest and overlap.

    At most `traces` traces of less than `most` spans.
    """
    spans: list[Span] = []
    for trace in "abc"[: draw(st.integers(1, traces))]:
        for number in range(1, draw(st.integers(2, most))):
            parent = draw(st.integers(0, number - 1))
            start_ns = NOW_NS + draw(st.integers(0, 20)) * 10**6
            lasts_ns = draw(st.integers(1, 30)) * 10**6
            given = {"parent": parent, "start_ns": start_ns, "lasts_ns": lasts_ns}
            kind = draw(st.sampled_from(["llm", "llm", "attempt", "agent", "plain", "failed"]))
            scope = draw(SCOPES)
            if kind == "agent":
                spans.append(agent(trace, number, f"agent-{number}", **given))
            elif kind == "plain":
                spans.append(span(trace, number, **given))  # type: ignore[arg-type]
            elif kind == "attempt":
                spans.append(_attempt(draw, trace, number, given))
            elif kind == "failed":
                spans.append(llm(trace, number, 0, scope=scope, status=2, **given))
            else:
                answer = draw(st.sampled_from(["", "", "resp_1", "resp_2"]))
                tokens = draw(st.sampled_from([0, 10, 20]))
                more = {"gen_ai.response.id": answer}
                spans.append(llm(trace, number, tokens, scope=scope, attributes=more, **given))
    return spans


def _attempt(draw: st.DrawFn, trace: str, number: int, given: dict[str, int]) -> Span:
    """Return what our own meter says of one attempt; ids repeat, as no meter's should."""
    more = {CALL_ID: draw(st.sampled_from("abcdef")) * 32}
    kind = draw(st.sampled_from(["refused", "failed", "whole", "whole"]))
    if kind == "refused":
        # No call id of a refused call is another's: one word of it takes all claims away.
        more = {CALL_ID: f"{trace}{number}" * 16}
        more |= {"manager.decision": "refuse", "gen_ai.provider.name": "openai"}
        return span(trace, number, more, scope="manager_agent", status=2, **given)  # type: ignore[arg-type]
    if kind == "failed":
        return llm(trace, number, 0, scope="manager_agent", status=2, attributes=more, **given)
    more["gen_ai.response.id"] = draw(st.sampled_from(["", "resp_1", "resp_2"]))
    tokens = draw(st.sampled_from([0, 10, 20]))
    return llm(trace, number, tokens, scope="manager_agent", attributes=more, **given)
