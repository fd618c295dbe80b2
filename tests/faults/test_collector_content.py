"""What comes out of otel-collector.yaml: the same calls, and nothing of what was said."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from manager_agent.receiver.call import Call
from manager_agent.receiver.decode import Decoder
from manager_agent.receiver.span import Span
from manager_agent.receiver.testing import MemoryStore
from tests.flow.test_no_content import MARKER, SAID, invented
from tests.harness.captures import CAPTURES, LAB, Capture, captures, spans_of
from tests.harness.collector import CONFIG, DEPLOY, Backend, backend, collector
from tests.harness.manager import until
from tests.harness.otlp import Sender
from tests.harness.stories import Receiver

pytestmark = pytest.mark.slow

EVERY = [*captures(CAPTURES), *captures(LAB)]
LOST = {"semantic-kernel/agent_tools.pb"}
"""Where a plain span stands between an agent and its calls."""


def through(place: Path, *configs: Path) -> Backend:
    """Return what arrives behind the collector of all recordings and of an unheard-of emitter."""
    with (
        backend() as behind,
        collector(place, *configs, endpoint=behind.endpoint) as running,
        Sender(running.where) as sender,
    ):
        for case in EVERY:
            sender.raw(case.payload)
        sender.raw(unheard_of().SerializeToString())
        assert running.stop() == 0  # it sends what waits before it ends
    return behind


def unheard_of() -> ExportTraceServiceRequest:
    """Return spans with the marker wherever content may be, but in links and the trace state.

    Those two the collector has no statement to clean; the manager stores neither.
    """
    message = invented()
    for span in spans_of(message):
        del span.links[:]
        span.trace_state = ""
    return message


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory) -> Backend:
    return through(tmp_path_factory.mktemp("collector"))


@pytest.fixture(scope="module")
def behind_strict(tmp_path_factory: pytest.TempPathFactory) -> Backend:
    return through(tmp_path_factory.mktemp("strict"), CONFIG, DEPLOY / "genai-only.yaml")


def calls_of(spans: Sequence[Span]) -> list[Call]:
    """Return what the receiver makes of spans that arrive together."""
    receiver = Receiver(MemoryStore())
    receiver.now_ns = max((span.end_ns for span in spans), default=0) + 10**9
    receiver.take(list(spans))
    return sorted(receiver.store.calls().values())


def compared(behind: Backend) -> Iterator[tuple[Capture, list[Call], list[Call]]]:
    """Yield each recording with its calls as sent directly and as sent through the collector."""
    arrived: dict[str, list[Span]] = defaultdict(list)
    for span in Decoder().decode(behind.message.SerializeToString()).spans:
        arrived[span.trace_id].append(span)
    for case in EVERY:
        sent = Decoder().decode(case.payload).spans
        came = [span for trace in sorted(case.trace_ids) for span in arrived[trace]]
        yield case, calls_of(sent), calls_of(came)


def test_the_manager_makes_the_same_of_it(behind: Backend) -> None:
    """Every field of every call, but for the digests, which the collector makes."""
    differ = [
        case.name
        for case, direct, came in compared(behind)
        if [call._replace(prompt_digest=None) for call in direct]
        != [call._replace(prompt_digest=None) for call in came]
    ]

    assert len(EVERY) == 940
    assert differ == []


def test_equal_prompts_still_look_equal(behind: Backend) -> None:
    """Who has a digest keeps one, and two calls have one digest where they had one."""
    for case, direct, came in compared(behind):
        pairs = {(a.prompt_digest, b.prompt_digest) for a, b in zip(direct, came, strict=True)}

        assert len({a for a, _ in pairs}) == len({b for _, b in pairs}) == len(pairs), case.name


def test_no_prompt_goes_through(behind: Backend) -> None:
    sent = b"".join([*(case.payload for case in EVERY), unheard_of().SerializeToString()])
    came = b"".join(behind.payloads)

    assert all(text.encode() in sent for text in (*SAID, MARKER))
    assert [text for text in (*SAID, MARKER) if text.encode() in came] == []


def test_genai_alone_costs_attribution_and_no_money(behind_strict: Backend) -> None:
    """What genai-only.yaml loses: agents behind a plain span; no call and no token."""
    differ = set()
    for case, direct, came in compared(behind_strict):
        if [call._replace(prompt_digest=None) for call in direct] != [
            call._replace(prompt_digest=None) for call in came
        ]:
            differ.add(case.name)
        unnamed = {"prompt_digest": None, "agent": "", "conversation_id": None, "user_id": None}
        assert [call._replace(**unnamed) for call in direct] == [
            call._replace(**unnamed) for call in came
        ], case.name

    assert differ == LOST
