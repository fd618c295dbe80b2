"""Makes spans of what the outbox holds, puts their cost on them, and sends them as OTLP."""

import os
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import ReadableSpan

from manager_agent.contract import attributes as names
from manager_agent.instrumentation import destination
from manager_agent.instrumentation.call import Ended
from manager_agent.instrumentation.refused import Refused
from manager_agent.instrumentation.resource import resource_of
from manager_agent.instrumentation.span_form import refusal_of, span_of
from manager_agent.instrumentation.transport import GrpcTransport, HttpTransport, Transport


class Exporter:
    """Sends calls, refusals and the spans of other instrumentors, each with this process's name.

    Costs are put on our own spans alone: two claims of one call must not both carry one.
    """

    def __init__(self, transport: Transport, env: Mapping[str, str]) -> None:
        self._transport = transport
        self._resource = resource_of(env)

    def prepare(self, item: Any) -> ReadableSpan:
        """Return the span of an `Ended`, of a `Refused`, or one that is a span already."""
        if isinstance(item, Ended):
            return span_of(item, self._resource, self._cost(item))
        if isinstance(item, Refused):
            return refusal_of(item.ask, item.refuse, item.at_ns, self._resource)
        assert isinstance(item, ReadableSpan), f"no call and no span: {type(item).__name__}"
        return item

    def send(self, batch: Sequence[ReadableSpan]) -> None:
        """Export spans. Raises `UnreachableError` or `GaveUpError`."""
        self._transport.send(encode_spans(batch).SerializeToString())

    def close(self) -> None:
        """Close the connection."""
        self._transport.close()

    def _cost(self, ended: Ended) -> dict[str, Any]:
        charged = ended.told.cost_usd
        if charged is not None:
            return cost_attributes(charged, "provider")
        return {}


def cost_attributes(usd: Decimal, source: str) -> dict[str, Any]:
    """Return what a span says of its cost."""
    return {
        names.COST_AMOUNT: float(usd),
        names.COST_CURRENCY: "USD",
        names.COST_SOURCE: source,
    }


def connect() -> Exporter:
    """Return the exporter that the environment asks for."""
    env = dict(os.environ)
    to = destination.spans(env)
    transport: Transport
    if to.over_http:
        transport = HttpTransport(to, destination.traces_url(env, to))
    else:
        transport = GrpcTransport(to)
    return Exporter(transport, env)
