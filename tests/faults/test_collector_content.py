"""What comes out of otel-collector.yaml: the same calls, and nothing of what was said."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import grpc
import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from manager_agent.receiver.call import Call
from manager_agent.receiver.decode import Decoder
from manager_agent.receiver.span import Span
from manager_agent.receiver.testing import MemoryStore
from tests.flow.test_no_content import MARKER, SAID, invented
from tests.harness.captures import CAPTURES, LAB, Capture, captures, spans_of
from tests.harness.collector import CONFIG, DEPLOY, SERVICES, Backend, backend, collector
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
        send_other_signals(running.where["otlp_grpc"])
        assert running.stop() == 0  # it sends what waits before it ends
    return behind


def send_other_signals(address: str) -> None:
    """Send what Claude Code sends beside spans, and a log and a metric of somebody else."""
    foreign_log = ExportLogsServiceRequest()
    record = foreign_log.resource_logs.add().scope_logs.add().log_records.add()
    record.body.string_value = "GET /"
    foreign_metric = ExportMetricsServiceRequest()
    foreign_metric.resource_metrics.add().scope_metrics.add().metrics.add(
        name="cpu"
    ).gauge.SetInParent()
    sent = {
        "logs": [*recorded("logs"), foreign_log.SerializeToString()],
        "metrics": [*recorded("metrics"), foreign_metric.SerializeToString()],
    }
    with grpc.insecure_channel(address, options=[("grpc.enable_http_proxy", 0)]) as channel:
        for signal, payloads in sent.items():
            export = channel.unary_unary(f"/{SERVICES[signal]}/Export")
            for payload in payloads:
                export(payload, timeout=60)


def recorded(signal: str) -> list[bytes]:
    return [path.read_bytes() for path in sorted(CAPTURES.glob(f"*/*.{signal}.pb"))]


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
        if without_digests(direct) != without_digests(came)
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
    came = b"".join(behind.of("traces"))

    assert all(text.encode() in sent for text in (*SAID, MARKER))
    assert [text for text in (*SAID, MARKER) if text.encode() in came] == []


def test_genai_alone_costs_attribution_and_no_money(behind_strict: Backend) -> None:
    """What genai-only.yaml loses: agents behind a plain span; no call and no token."""
    differ = set()
    for case, direct, came in compared(behind_strict):
        if without_digests(direct) != without_digests(came):
            differ.add(case.name)
        assert unattributed(direct) == unattributed(came), case.name

    assert differ == LOST


def records_of(payloads: Sequence[bytes]) -> list[LogRecord]:
    message = ExportLogsServiceRequest.FromString(b"".join(payloads))
    scopes = (scope for resource in message.resource_logs for scope in resource.scope_logs)
    return [record for scope in scopes for record in scope.log_records]


def said_in(record: LogRecord) -> dict[str, str]:
    return {pair.key: str(pair.value) for pair in record.attributes}


def test_logs_keep_their_numbers_and_lose_what_was_said(behind: Backend) -> None:
    sent, came = records_of(recorded("logs")), records_of(behind.of("logs"))
    what_was_said = {"prompt", "response"}
    expected = [
        {key: value for key, value in said_in(record).items() if key not in what_was_said}
        for record in sent
    ]

    assert sorted(map(str, map(said_in, came))) == sorted(map(str, expected))
    assert any(what_was_said & said_in(record).keys() for record in sent)
    assert {record.body.string_value for record in came} > {"claude_code.api_request"}


def test_metrics_of_agents_alone_go_through(behind: Backend) -> None:
    def names(payloads: Sequence[bytes]) -> list[str]:
        message = ExportMetricsServiceRequest.FromString(b"".join(payloads))
        scopes = (scope for one in message.resource_metrics for scope in one.scope_metrics)
        return sorted(metric.name for scope in scopes for metric in scope.metrics)

    assert names(behind.of("metrics")) == names(recorded("metrics")) != []


def without_digests(calls: Sequence[Call]) -> list[Call]:
    return [call._replace(prompt_digest=None, turn_digest=None) for call in calls]


def unattributed(calls: Sequence[Call]) -> list[Call]:
    return [
        call._replace(
            prompt_digest=None, turn_digest=None, agent="", conversation_id=None, user_id=None
        )
        for call in calls
    ]
