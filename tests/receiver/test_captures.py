"""What is made of real emitters is the truth, in whatever order and portions their spans come."""

import random
from collections import Counter
from collections.abc import Iterable

import pytest

from manager_agent.prices.book import PriceBook
from manager_agent.receiver.call import Call
from manager_agent.receiver.changes import Arrived
from manager_agent.receiver.content import Door
from manager_agent.receiver.cost import costed
from manager_agent.receiver.decode import Decoder
from manager_agent.receiver.recognise import recognise
from manager_agent.receiver.row import row_of
from manager_agent.receiver.testing import MemoryStore
from manager_agent.receiver.window import MergeWindow
from tests.harness.captures import CAPTURES, LAB, Capture, captures, verdict
from tests.harness.stories import Receiver

BOOK, DOOR = PriceBook(), Door(b"k" * 32)
HOUR_NS = 3600 * 10**9


def arrived(capture: Capture) -> list[Arrived]:
    spans = Decoder().decode(capture.payload).spans
    return [Arrived(span, recognise(span, DOOR)) for span in spans]


def calls_of(portions: Iterable[list[Arrived]]) -> list[Call]:
    """Return the calls in the end; checks that the rollups' deltas add up to them."""
    window = MergeWindow(lambda call: costed(call, BOOK), window_ns=HOUR_NS)
    calls: dict[str, Call] = {}
    usage: Counter[str] = Counter()
    for portion in portions:
        changes = window.add(portion, 0)
        for version in changes.calls:
            calls[version.call.call_id] = version.call
            if version.retracted:
                del calls[version.call.call_id]
        for delta in changes.minutes.values():
            usage.update(calls=delta.calls, cost=delta.cost_nano, output=delta.output_tokens)
    assert usage["calls"] == len(calls)
    assert usage["cost"] == sum(call.cost_nano or 0 for call in calls.values())
    assert usage["output"] == sum(call.output_tokens or 0 for call in calls.values())
    return sorted(calls.values())


@pytest.mark.parametrize("capture", captures(), ids=lambda capture: capture.name)
def test_every_call_is_recognised_and_counted_right(capture: Capture) -> None:
    got = calls_of([arrived(capture)])

    assert verdict(capture.truth, [row_of(call) for call in got]) is None


# What an emitter does not tell in any attribute that can be relied on.
BEYOND = {
    "haystack/pipeline.pb": "usage only inside the recorded answer, under an opt-in",
    "haystack/err_429.pb": "as above",
    "mlflow-openai-genai/chat_stream_usage_cached.pb": "parts only inside events of single chunks",
    "mlflow-openai-genai/responses_stream.pb": "as above",
}


@pytest.mark.parametrize("capture", captures(LAB), ids=lambda capture: f"lab/{capture.name}")
def test_emitters_met_later_are_recognised(capture: Capture) -> None:
    wrong = verdict(capture.truth, [row_of(call) for call in calls_of([arrived(capture)])])

    assert (wrong is not None) == (capture.name in BEYOND), wrong


@pytest.mark.parametrize("capture", captures(), ids=lambda capture: capture.name)
def test_order_portions_and_repeats_do_not_matter(capture: Capture) -> None:
    whole = arrived(capture)
    expected = calls_of([whole])

    for seed in range(3):
        shuffled = whole * 2
        random.Random(seed).shuffle(shuffled)
        assert calls_of([each] for each in shuffled) == expected


@pytest.mark.parametrize("capture", captures(), ids=lambda capture: capture.name)
def test_content_does_not_go_on(capture: Capture) -> None:
    """No prompt, answer or tool argument of the captures is in what would be stored."""
    for span, _ in arrived(capture):
        kept = DOOR.kept(span.attributes)
        for word in ("weather?", "Hello from", "[[cached]]", "[[tool]]", "sunny", "Paris"):
            assert word not in kept


EVERY = [
    pytest.param(each, id=f"{each.folder.name}/{each.name}")
    for folder in (CAPTURES, LAB)
    for each in captures(folder)
]


@pytest.mark.parametrize("capture", EVERY)
def test_spans_that_come_minutes_apart_make_the_same_calls(capture: Capture) -> None:
    """Each call is sealed and forgotten before the next span comes, and each span comes twice."""
    spans = Decoder().decode(capture.payload).spans[:60]
    now_ns = max((span.end_ns for span in spans), default=0) + 10**9
    at_once, apart = Receiver(MemoryStore()), Receiver(MemoryStore())
    at_once.now_ns = apart.now_ns = now_ns
    at_once.take(spans)
    shuffled = spans * 2
    random.Random(1).shuffle(shuffled)

    for span in shuffled:
        apart.take([span])
        apart.wait(700)

    assert sorted(apart.store.calls().values()) == sorted(at_once.store.calls().values())
