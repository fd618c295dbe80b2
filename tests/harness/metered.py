"""Calls as the meter in an agent hands them on; and a receiver of OTLP that keeps what comes."""

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from time import time_ns
from typing import Any
from uuid import uuid4

import grpc
from opentelemetry.context import Context, get_current
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from manager_agent.contract.decision import Allow
from manager_agent.contract.usage import Usage
from manager_agent.instrumentation import identity
from manager_agent.instrumentation.asked import Asked
from manager_agent.instrumentation.call import Ask, Ended, Ending
from manager_agent.instrumentation.endpoint import Endpoint
from manager_agent.instrumentation.identity import Identity
from manager_agent.instrumentation.told import Told

CHAT = Endpoint("openai", "chat_completions", "openai", "chat", "api.openai.com", 443)
MESSAGES = Endpoint("anthropic", "messages", "anthropic", "chat", "api.anthropic.com", 443)
ANSWER = Told(
    response_model="gpt-4o-2024-08-06",
    response_id="chatcmpl-1",
    finish_reason="stop",
    usage=Usage(1000, 50, 200, 0, 0, 10),
    complete=True,
)


def asked(
    endpoint: Endpoint = CHAT,
    ask: Asked | None = None,
    who: Identity | None = None,
    context: Context | None = None,
    started_ns: int | None = None,
) -> Ask:
    """Return an attempt that is about to leave, by whoever is current."""
    return Ask(
        call_id=uuid4().hex,
        endpoint=endpoint,
        asked=ask or Asked(model="gpt-4o"),
        identity=who or identity.current(),
        context=get_current() if context is None else context,
        started_ns=time_ns() if started_ns is None else started_ns,
    )


def ended(
    ask: Ask | None = None,
    told: Told = ANSWER,
    *,
    status: int | None = 200,
    ending: Ending = "whole",
    failure: str | None = None,
    first_chunk_ns: int | None = None,
) -> Ended:
    """Return an attempt that took a tenth of a second."""
    ask = ask or asked()
    return Ended(
        ask=ask,
        decision=Allow("no_policy"),
        ended_ns=ask.started_ns + 10**8,
        ending=ending,
        told=told,
        status=status,
        first_chunk_ns=first_chunk_ns,
        failure=failure,
    )


class Collected:
    """What a receiver got: spans as (resource, scope, span) and the metadata of each request."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.requests: list[ExportTraceServiceRequest] = []
        self.metadata: list[dict[str, str]] = []
        self.refuse: grpc.StatusCode | None = None
        self.address = ""

    @property
    def spans(self) -> list[Any]:
        """The spans so far."""
        with self._lock:
            return [s for r in self.requests for rs in r.resource_spans for s in _spans(rs)]

    @property
    def resources(self) -> list[dict[str, Any]]:
        """The resources so far, as plain values."""
        with self._lock:
            found = [rs.resource for r in self.requests for rs in r.resource_spans]
        return [values(each.attributes) for each in found]

    def export(self, payload: bytes, context: grpc.ServicerContext) -> bytes:
        """Take a request, or refuse it."""
        with self._lock:
            self.metadata.append({key: str(value) for key, value in context.invocation_metadata()})
            if self.refuse is None:
                self.requests.append(ExportTraceServiceRequest.FromString(payload))
        if self.refuse is not None:
            context.abort(self.refuse, "told to refuse")
        return b""


def _spans(resource_spans: Any) -> Iterator[Any]:
    for scoped in resource_spans.scope_spans:
        yield from scoped.spans


def values(attributes: Sequence[Any]) -> dict[str, Any]:
    """Return OTLP's attributes as plain values."""
    return {pair.key: _value(pair.value) for pair in attributes}


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(each) for each in value.array_value.values]
    return getattr(value, kind)


class _Service(grpc.GenericRpcHandler):  # type: ignore[misc]
    def __init__(self, collected: Collected) -> None:
        self._collected = collected

    def service(self, details: Any) -> Any:
        if not details.method.endswith("TraceService/Export"):
            return None
        return grpc.unary_unary_rpc_method_handler(self._collected.export)


@contextmanager
def collector(port: int = 0) -> Iterator[Collected]:
    """Serve OTLP over gRPC on a free port, or on `port`."""
    collected = Collected()
    with ThreadPoolExecutor(4) as threads:
        server = grpc.server(threads, options=[("grpc.so_reuseport", 0)])
        server.add_generic_rpc_handlers((_Service(collected),))
        bound = server.add_insecure_port(f"127.0.0.1:{port}")
        collected.address = f"http://127.0.0.1:{bound}"
        server.start()
        try:
            yield collected
        finally:
            server.stop(None).wait()
