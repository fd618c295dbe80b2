"""Makes spans of what the outbox holds, puts their cost on them, and sends them as OTLP."""

import os
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan

from manager_agent.contract import attributes as names
from manager_agent.contract.money import nano_usd, usd
from manager_agent.instrumentation import destination, known_rates
from manager_agent.instrumentation.call import Ask, Ended
from manager_agent.instrumentation.known_rates import KnownRates
from manager_agent.instrumentation.rate_client import RateClient
from manager_agent.instrumentation.refused import Refused
from manager_agent.instrumentation.resource import resource_of
from manager_agent.instrumentation.span_form import refusal_of, span_of
from manager_agent.instrumentation.transport import GrpcTransport, Transport, transport_to


class Exporter:
    """Sends calls, refusals and the spans of other instrumentors.

    Costs are put on our own spans alone: two claims of one call must not both carry one.
    """

    def __init__(
        self,
        transport: Transport,
        manager: GrpcTransport,
        env: Mapping[str, str],
        known: KnownRates | None = None,
    ) -> None:
        self._transport = transport
        self._manager = manager
        self._rates = RateClient(manager.call, known=known)
        self._resource = resource_of(env)

    def learn(self, items: Sequence[Any]) -> None:
        """Prepare for items that are about to be prepared: ask for their prices together."""
        self._rates.learn([each for each in items if isinstance(each, Ended) and each.told.usage])

    def prepare(self, item: Any) -> ReadableSpan:
        """Return the span of an `Ended`, of a `Refused`, or one that is a span already."""
        if isinstance(item, Ended):
            return span_of(item, self._resource, {**self._cost(item), **self._digest(item.ask)})
        if isinstance(item, Refused):
            return refusal_of(item.ask, item.refuse, item.at_ns, self._resource)
        assert isinstance(item, ReadableSpan), f"no call and no span: {type(item).__name__}"
        return _of(self._resource, item)

    def send(self, batch: Sequence[ReadableSpan]) -> None:
        """Export spans. Raises `UnreachableError` or `GaveUpError`."""
        self._transport.send(encode_spans(batch).SerializeToString())

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()
        self._manager.close()

    def abandon(self) -> None:
        """Let go of the connections that a fork inherited; the parent's go on."""
        self._transport.abandon()
        self._manager.abandon()

    def _cost(self, ended: Ended) -> dict[str, Any]:
        if ended.told.cost_usd is not None:
            return _cost_attributes(nano_usd(ended.told.cost_usd), "provider")
        nano = self._rates.cost_nano(ended)
        return {} if nano is None else _cost_attributes(nano, "local")

    def _digest(self, ask: Ask) -> dict[str, str]:
        """Return the digests of what was asked; equal requests have equal ones, in any agent."""
        key, body, turn = self._rates.digest_key, ask.body_digest, ask.turn_digest
        if key is None or body is None:
            return {}
        of = f"{ask.endpoint.kind}\n{ask.endpoint.model or ''}\n".encode()
        found = {names.PROMPT_DIGEST: blake2b(of + body, key=key, digest_size=16).hexdigest()}
        if turn is not None:
            found[names.TURN_DIGEST] = blake2b(of + turn, key=key, digest_size=16).hexdigest()
        return found


def _of(resource: Resource, span: ReadableSpan) -> ReadableSpan:
    """Return another instrumentor's span as this process's: it may name one we were forked from."""
    return ReadableSpan(
        name=span.name,
        context=span.get_span_context(),
        parent=span.parent,
        resource=resource,
        attributes=span.attributes,
        events=span.events,
        links=span.links,
        kind=span.kind,
        instrumentation_scope=span.instrumentation_scope,
        status=span.status,
        start_time=span.start_time,
        end_time=span.end_time,
    )


def _cost_attributes(nano: int, source: str) -> dict[str, Any]:
    return {
        names.COST_AMOUNT: float(usd(nano)),
        names.COST_CURRENCY: "USD",
        names.COST_SOURCE: source,
    }


def connect() -> Exporter:
    """Return the exporter that the environment asks for."""
    env = dict(os.environ)
    to, own = destination.spans(env), destination.manager(env)
    manager = GrpcTransport(own)
    transport = manager if to == own else transport_to(to, env)
    return Exporter(transport, manager, env, known_rates.shared())
