"""OTLP trace requests as a fleet of agents sends them: templates made once, sent many times.

A request is a template in which three marks are replaced: one in every id, one in every text that
must be unique (response ids, conversations, prompts), and the upper half of every time. Three
passes of `bytes.replace` make a request of 512 spans whose ids nobody has seen and whose times are
of the last nine seconds, and cost less than a microsecond for a span.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from manager_agent.app.bench.spans import (
    ID_MARK,
    TEXT_MARK,
    TIME_MARK,
    Recipe,
    add_run,
    run_length,
)

_POOL_SPANS = 16_384
_MOST_TEMPLATES = 32
_AGENTS = 8


@dataclass(frozen=True, slots=True)
class Shape:
    """What requests look like.

    `spans`: of one request. `content`: 4 KB of prompt and 0.6 KB of answer with each call.
    `double`: a second instrumentation reports each call too, with a span inside the first one's.
    """

    spans: int = 512
    content: bool = False
    double: bool = False


@dataclass(frozen=True, slots=True)
class Batch:
    """One request ready to be sent, the spans in it, and how many calls those report first."""

    payload: bytes
    spans: int
    calls: int


def batches(shape: Shape, sender: int, clock_ns: Callable[[], int]) -> Iterator[Batch]:
    """Yield requests without end; no id comes twice, also not from another `sender` (below 2**16).

    Requests smaller than one agent's run (8 spans) share its trace: a run of 8 spans comes as 8
    requests of one span.
    """
    pool = templates(shape)
    for number in range(2**32):
        token = sender << 32 | number
        high = ((clock_ns() >> 32) - 1).to_bytes(4, "little")
        for template in pool[(sender + number) % len(pool)]:
            raw = template.payload.replace(ID_MARK, token.to_bytes(6, "big"))
            raw = raw.replace(TEXT_MARK, b"%012x" % token)
            yield Batch(raw.replace(TIME_MARK, high), template.spans, template.calls)


@cache
def templates(shape: Shape) -> tuple[tuple[Batch, ...], ...]:
    """Return the pool: groups of templates whose requests share one token, so that runs are whole.

    There are up to 32 groups with different models, tokens and durations, fewer of large requests:
    what a receiver remembers of one request helps it as little with the next as in real traffic.
    """
    length = run_length(shape.double)
    runs = max(1, shape.spans // length)
    number = max(1, min(_MOST_TEMPLATES, _POOL_SPANS // (runs * length)))
    return tuple(_group(shape, runs, seed) for seed in range(number))


def _group(shape: Shape, runs: int, seed: int) -> tuple[Batch, ...]:
    dice = random.Random(seed)
    recipe = Recipe(f"agent-{seed % _AGENTS}", f"process-{seed}", shape.content, shape.double)
    whole = ExportTraceServiceRequest()
    calls = 0
    for run in range(runs):
        calls += add_run(whole, recipe, run, dice)
    if runs * run_length(shape.double) <= shape.spans:
        return (_checked(whole, calls),)
    return _split(whole, shape.spans)


def _split(whole: ExportTraceServiceRequest, spans: int) -> tuple[Batch, ...]:
    """Return one run's spans in requests of `spans` each, the calls of each counted once."""
    parts = []
    [resource_spans] = whole.resource_spans
    for scope_spans in resource_spans.scope_spans:
        for at in range(0, len(scope_spans.spans), spans):
            part = ExportTraceServiceRequest()
            resource = part.resource_spans.add(resource=resource_spans.resource)
            scope = resource.scope_spans.add(scope=scope_spans.scope)
            scope.spans.extend(scope_spans.spans[at : at + spans])
            parts.append(_checked(part, sum(span.name == "chat" for span in scope.spans)))
    return tuple(parts)


def _checked(request: ExportTraceServiceRequest, calls: int) -> Batch:
    """Return the template; raises `ValueError` where a mark is found in what is no mark."""
    raw = request.SerializeToString()
    spans = [
        span
        for resource_spans in request.resource_spans
        for scope_spans in resource_spans.scope_spans
        for span in scope_spans.spans
    ]
    ids = sum(2 + bool(span.parent_span_id) for span in spans)
    if raw.count(ID_MARK) != ids or raw.count(TIME_MARK) != 2 * len(spans):
        raise ValueError("a mark of the template is also part of its data; choose another seed")
    return Batch(raw, len(spans), calls)
