"""Real captures with their truth, and the judgement of what a receiver made of them."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import islice, permutations
from pathlib import Path
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

CAPTURES = Path(__file__).parent.parent / "data" / "captures"
LAB = CAPTURES.parent / "lab"
"""Captures of further emitters, recorded after the receiver was first built."""

TOKENS = (
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
)

_MOST_PAIRINGS = 50_000


@dataclass(frozen=True)
class Capture:
    """One case: what was sent, and which calls truly went out."""

    name: str
    truth: tuple[Mapping[str, Any], ...]
    folder: Path = CAPTURES

    @property
    def payload(self) -> bytes:
        """The recorded `ExportTraceServiceRequest`."""
        return (self.folder / self.name).read_bytes()

    @property
    def message(self) -> ExportTraceServiceRequest:
        """The request, parsed."""
        return ExportTraceServiceRequest.FromString(self.payload)

    @cached_property
    def trace_ids(self) -> frozenset[str]:
        """Hex ids of the traces in it; no other capture has one of them."""
        return frozenset(span.trace_id.hex() for span in spans_of(self.message))

    def ending(self, last_ns: int) -> ExportTraceServiceRequest:
        """Return the request as if the last span of all captures had begun at `last_ns`."""
        message = self.message
        for span in spans_of(message):
            span.start_time_unix_nano += last_ns - _last_start()
            span.end_time_unix_nano += last_ns - _last_start()
        return message


def spans_of(message: ExportTraceServiceRequest) -> Iterator[Span]:
    """Yield the spans of a request, whatever they are nested in."""
    for resource_spans in message.resource_spans:
        for scope_spans in resource_spans.scope_spans:
            yield from scope_spans.spans


@cache
def _last_start() -> int:
    return max(span.start_time_unix_nano for case in captures() for span in spans_of(case.message))


@cache
def captures(folder: Path = CAPTURES) -> tuple[Capture, ...]:
    """Return all cases in which the emitter sent spans."""
    truth = json.loads((folder / "truth.json").read_text("utf-8"))
    return tuple(
        Capture(case["file"], tuple(case["expected_llm_calls"]), folder)
        for case in truth["cases"]
        if case.get("file")
    )


def verdict(truth: Sequence[Mapping[str, Any]], got: Sequence[Mapping[str, Any]]) -> str | None:
    """Return what is wrong with `got` (rows of `llm_calls`), None where it is the truth.

    Calls are matched one to one in the way that leaves the fewest differences. Fields that the
    emitter never sent are not judged, nor are unknown numbers if `got` calls them estimates.
    """
    seen = [call for call in truth if call["observable"]]
    needed = [call for call in seen if not call.get("optional")]
    if not len(needed) <= len(got) <= len(seen):
        return f"{len(got)} calls instead of {len(needed)} to {len(seen)}"
    ways = permutations(seen, len(got))
    fitting = (way for way in ways if all(any(c is one for one in way) for c in needed))
    best: list[str] | None = None
    for way in islice(fitting, _MOST_PAIRINGS):
        wrong = [text for call, row in zip(way, got, strict=True) for text in _wrong(call, row)]
        if not wrong:
            return None
        best = wrong if best is None or len(wrong) < len(best) else best
    return "; ".join(best or ["no way to pair them"])


def _wrong(call: Mapping[str, Any], row: Mapping[str, Any]) -> Iterator[str]:
    judged = {"provider", "error", *TOKENS} - set(call["missing_in_telemetry"])
    if "provider" in judged and call["provider"] != row["provider"]:
        yield f"provider {row['provider']} instead of {call['provider']}"
    if "error" in judged and call["error"] != (row["status"] == "error"):
        yield f"status {row['status']} where error is {call['error']}"
    for name in TOKENS:
        if name in judged and not _right(name, call, row):
            yield f"{name} {row[name]} instead of {call[name]}"


def _right(name: str, call: Mapping[str, Any], row: Mapping[str, Any]) -> bool:
    true, said = call[name], row[name]
    if true is None:
        return said is None or row["cost_source"] == "estimated"
    if said is None and true == 0:
        # Who did not see the totals cannot know that their parts were none; and no reasoning and
        # reasoning unknown look alike to most emitters.
        return row["input_tokens"] is None or name == "reasoning_tokens"
    return bool(said == true)
