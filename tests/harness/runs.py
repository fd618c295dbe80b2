"""Runs of Claude Code and Codex, told by spans, log records and data points, as they tell of them.

The shapes are those of the recorded captures; Codex's records are made after its source, since the
laboratory has only its spans.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric

from manager_agent.receiver.signals import SignalName
from tests.harness.otlp import Sending, hex_id, pairs, request

DELTA, CUMULATIVE = 1, 2
MINUTE_NS = 60 * 10**9
SIGNALS: tuple[SignalName, ...] = ("traces", "logs", "metrics")
CLAUDE, CODEX = "com.anthropic.claude_code", "codex_exec"


@dataclass(frozen=True, slots=True)
class Made:
    """One call that a run made. `fresh` input tokens: neither read from cache nor written to it."""

    end_ns: int
    lasted_ns: int
    model: str
    fresh: int
    output: int
    read: int = 0
    written: int = 0

    @property
    def tokens(self) -> tuple[int, int, int, int]:
        """All input, all output, and of the input what the cache gave and took."""
        return self.fresh + self.read + self.written, self.output, self.read, self.written


@dataclass(frozen=True, slots=True)
class Run:
    """A run of a tool and the calls it made.

    `traced`: log records name the span they were written in. `alike`: all signals have one
    resource. `temporality`: of its metrics, which are exported every `every_ns`. `skew_ns`: how
    long after an answer's end its record is written.
    """

    tool: str
    session: str
    calls: tuple[Made, ...]
    begun_ns: int
    traced: bool = True
    alike: bool = True
    temporality: int = DELTA
    every_ns: int = MINUTE_NS
    service: str = "claude-code"
    skew_ns: int = 0

    def told(self, signal: SignalName) -> list[bytes]:
        """Return the requests of a signal, each with one span, record or point."""
        if signal == "traces":
            return [request([span]).SerializeToString() for span in self._spans()]
        if signal == "logs":
            return list(self._records())
        return list(self._points())

    def _rng(self, call: Made) -> random.Random:
        return random.Random(f"{self.session}{call.end_ns}")

    def _spans(self) -> Iterator[Sending]:
        """Yield one span of a turn and one of its call for each call."""
        for call in self.calls:
            rng = self._rng(call)
            trace, turn, own = hex_id(rng, 32), hex_id(rng, 16), hex_id(rng, 16)
            claude = self.tool == CLAUDE
            about = _claude_span(self.session, call) if claude else _codex_span(call)
            scope = f"{CLAUDE}.tracing" if claude else CODEX
            above = {"session.id": self.session, "span.type": "interaction"} if claude else {}
            start_ns = call.end_ns - call.lasted_ns
            lasted_ns = call.lasted_ns + 2 * 10**6
            yield Sending(
                trace, own, start_ns, "call" if claude else "handle_responses", turn, lasted_ns,
                about, scope, self.service, "spans",
            )  # fmt: skip
            yield Sending(
                trace, turn, start_ns - 10**7, "turn" if claude else "session_task.turn", "",
                lasted_ns + 2 * 10**7,
                above if claude else {"model": call.model}, scope, self.service, "spans",
            )  # fmt: skip

    def _records(self) -> Iterator[bytes]:
        for number, call in enumerate(self.calls):
            rng = self._rng(call)
            message = ExportLogsServiceRequest()
            resource_logs = message.resource_logs.add()
            resource_logs.resource.attributes.extend(pairs(self._resource("logs")))
            scope_logs = resource_logs.scope_logs.add()
            claude = self.tool == CLAUDE
            scope_logs.scope.name = f"{CLAUDE}.events" if claude else "codex_otel.log_only"
            record = scope_logs.log_records.add()
            if claude:
                record.time_unix_nano = call.end_ns + self.skew_ns
                record.body.CopyFrom(AnyValue(string_value="claude_code.api_request"))
                record.attributes.extend(pairs(_claude_record(self.session, call, number)))
            else:
                record.observed_time_unix_nano = call.end_ns + self.skew_ns
                record.attributes.extend(pairs(_codex_record(self.session, call)))
            if self.traced:
                record.trace_id = bytes.fromhex(hex_id(rng, 32))
                record.span_id = bytes.fromhex(hex_id(rng, 16))
            yield message.SerializeToString()

    def _points(self) -> Iterator[bytes]:
        totals: dict[tuple[str, str], int] = {}
        last_ns = max(call.end_ns for call in self.calls)
        start_ns = self.begun_ns
        while start_ns <= last_ns:
            end_ns = start_ns + self.every_ns
            grown: dict[tuple[str, str], int] = {}
            for call in self.calls:
                if start_ns < call.end_ns <= end_ns:
                    for kind, value in _counted(self.tool, call):
                        grown[call.model, kind] = grown.get((call.model, kind), 0) + value
            for at, value in grown.items():
                totals[at] = totals.get(at, 0) + value
            cumulative = self.temporality == CUMULATIVE
            since_ns = self.begun_ns if cumulative else start_ns
            for (model, kind), value in (totals if cumulative else grown).items():
                yield self._point(model, kind, value, since_ns, end_ns)
            start_ns = end_ns

    def _point(self, model: str, kind: str, value: int, start_ns: int, end_ns: int) -> bytes:
        message = ExportMetricsServiceRequest()
        resource_metrics = message.resource_metrics.add()
        resource_metrics.resource.attributes.extend(pairs(self._resource("metrics")))
        scope_metrics = resource_metrics.scope_metrics.add()
        claude = self.tool == CLAUDE
        scope_metrics.scope.name = CLAUDE if claude else "codex"
        metric: Metric = scope_metrics.metrics.add()
        metric.name = f"{'claude_code.token.usage' if claude else 'codex.turn.token_usage'}"
        about: Mapping[str, Any]
        if claude:
            about = {"session.id": self.session, "model": model, "type": kind}
            metric.sum.aggregation_temporality = self.temporality  # type: ignore[assignment]
            metric.sum.is_monotonic = True
            point = metric.sum.data_points.add()
            point.as_double = value
            point.attributes.extend(pairs({**about, "query_source": "main"}))
            point.start_time_unix_nano, point.time_unix_nano = start_ns, end_ns
        else:
            metric.histogram.aggregation_temporality = self.temporality  # type: ignore[assignment]
            bars = metric.histogram.data_points.add()
            bars.sum, bars.count = value, 1
            bars.attributes.extend(pairs({"model": model, "token_type": kind}))
            bars.start_time_unix_nano, bars.time_unix_nano = start_ns, end_ns
        return message.SerializeToString()

    def _resource(self, signal: str) -> dict[str, str]:
        told = {"service.name": self.service, "service.instance.id": "spans"}
        return told if self.alike else {**told, "service.instance.id": signal, "host.name": "h"}


def truth(calls: Sequence[Made]) -> tuple[int, ...]:
    """Return the sums of what calls used."""
    return tuple(sum(each) for each in zip(*(call.tokens for call in calls), strict=True))


def _claude_span(session: str, call: Made) -> dict[str, Any]:
    return {
        "session.id": session,
        "span.type": "llm_request",
        "gen_ai.system": "anthropic",
        "gen_ai.request.model": call.model,
        "input_tokens": call.fresh,
        "output_tokens": call.output,
        "cache_read_tokens": call.read,
        "cache_creation_tokens": call.written,
        "success": True,
        "ttft_ms": 24,
        "stop_reason": "end_turn",
    }


def _claude_record(session: str, call: Made, number: int) -> dict[str, Any]:
    """Return the attributes of a record; its numbers are texts, as older versions send them."""
    return {
        "session.id": session,
        "event.name": "api_request",
        "event.sequence": number,
        "model": f"{call.model}-20250929",
        "input_tokens": str(call.fresh),
        "output_tokens": str(call.output),
        "cache_read_tokens": str(call.read),
        "cache_creation_tokens": str(call.written),
        "duration_ms": str(call.lasted_ns / 1e6),
    }


def _codex_span(call: Made) -> dict[str, Any]:
    total = call.tokens[0]
    return {
        "gen_ai.usage.input_tokens": total,
        "gen_ai.usage.cache_read.input_tokens": call.read,
        "gen_ai.usage.cache_write.input_tokens": call.written,
        "gen_ai.usage.output_tokens": call.output,
        "codex.usage.reasoning_output_tokens": 0,
    }


def _codex_record(session: str, call: Made) -> dict[str, Any]:
    return {
        "event.name": "codex.sse_event",
        "event.kind": "response.completed",
        "conversation.id": session,
        "model": call.model,
        "input_token_count": str(call.tokens[0]),
        "cached_token_count": call.read,
        "cache_write_token_count": call.written,
        "output_token_count": str(call.output),
        "reasoning_token_count": 0,
        "tool_token_count": str(call.tokens[0] + call.output),
    }


def _counted(tool: str, call: Made) -> list[tuple[str, int]]:
    """Return what a call adds to each type of token; nothing is added where it is 0."""
    names = (
        ("input", "output", "cacheRead", "cacheCreation")
        if tool == CLAUDE
        else ("input", "output", "cached_input", "cache_write_input")
    )
    first = call.fresh if tool == CLAUDE else call.tokens[0]
    counts = (first, call.output, call.read, call.written)
    return [(name, n) for name, n in zip(names, counts, strict=True) if n]
