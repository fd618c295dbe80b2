"""The load is what it says: every request new, its runs whole, its times of now."""

from collections import Counter
from itertools import islice
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from manager_agent.app.bench.payload import Batch, Shape, batches
from manager_agent.app.decode import decode

NOW_NS = 1_800_000_000 * 10**9


def made(shape: Shape, number: int, sender: int = 0) -> list[Batch]:
    return list(islice(batches(shape, sender, lambda: NOW_NS), number))


def spans_of(batch: Batch) -> list[Span]:
    request = ExportTraceServiceRequest.FromString(batch.payload)
    return [
        span
        for resource_spans in request.resource_spans
        for scope_spans in resource_spans.scope_spans
        for span in scope_spans.spans
    ]


def text(span: Span, key: str) -> str | None:
    return next((each.value.string_value for each in span.attributes if each.key == key), None)


@pytest.mark.parametrize("shape", [Shape(64), Shape(16, content=True), Shape(1), Shape(100)])
def test_no_id_and_no_answer_comes_twice(shape: Shape) -> None:
    sent = [span for sender in (0, 1) for b in made(shape, 70, sender) for span in spans_of(b)]
    answers = [text(span, "gen_ai.response.id") for span in sent if span.name == "chat"]
    prompts = [text(span, "gen_ai.input.messages") for span in sent if span.name == "chat"]

    assert len({(span.trace_id, span.span_id) for span in sent}) == len(sent)
    assert len(set(answers)) == len(answers)
    assert not shape.content or len(set(prompts)) == len(prompts)


@pytest.mark.parametrize(
    ("shape", "spans", "calls"),
    [
        (Shape(512), 512, 320),
        (Shape(100), 96, 60),
        (Shape(512, double=True), 507, 195),
    ],
)
def test_a_request_holds_whole_runs(shape: Shape, spans: int, calls: int) -> None:
    [batch] = made(shape, 1)
    found = spans_of(batch)
    ids = {(span.trace_id, span.span_id) for span in found}

    assert (batch.spans, batch.calls, len(found)) == (spans, calls, spans)
    assert all((s.trace_id, s.parent_span_id) in ids for s in found if s.parent_span_id)


def test_requests_of_one_span_share_the_run() -> None:
    eight = made(Shape(1), 8)
    found = [span for batch in eight for span in spans_of(batch)]

    assert len({span.trace_id for span in found}) == 1
    assert Counter(span.name for span in found) == {"chat": 5, "tool": 1, "http": 1, "agent": 1}
    assert sum(batch.calls for batch in eight) == 5
    assert found[-1].name == "agent"
    assert not found[-1].parent_span_id


def test_times_are_of_the_last_nine_seconds() -> None:
    for span in spans_of(made(Shape(64), 1)[0]):
        assert NOW_NS - 9 * 10**9 < span.start_time_unix_nano < span.end_time_unix_nano <= NOW_NS


@pytest.mark.parametrize("shape", [Shape(64), Shape(1), Shape(104, double=True)])
def test_the_manager_finds_the_calls_that_were_sent(tmp_path: Path, shape: Shape) -> None:
    sent = made(shape, 16)
    files = [tmp_path / f"{number}.pb" for number in range(len(sent))]
    for file, batch in zip(files, sent, strict=True):
        file.write_bytes(batch.payload)

    names = [str(file) for file in files]
    [found] = decode(names, "traces", together=True, cost=lambda call: call)

    assert len(found.calls) == sum(batch.calls for batch in sent)
    assert {len(call.emitters.split(",")) for call in found.calls.values()} == {1 + shape.double}
    assert not found.dropped
