"""The private tracer provider, for the official instrumentors that we switch on ourselves.

Where the user traces too, its tracers are shy: a span of ours between two of the user's would be
one that the user's backend never sees, so that what lies below it lost its parent there.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any
from weakref import WeakSet

from opentelemetry import trace
from opentelemetry.context import Context, get_current
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace import Span as SdkSpan
from opentelemetry.sdk.trace import TracerProvider as SdkTracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import (
    NonRecordingSpan,
    NoOpTracerProvider,
    ProxyTracerProvider,
    Span,
    Tracer,
    TracerProvider,
    get_current_span,
    set_span_in_context,
    use_span,
)

from manager_agent.contract.attributes import AGENT
from manager_agent.instrumentation import identity, mishap, provider
from manager_agent.instrumentation.resource import resource_of

_ours: WeakSet[Span] = WeakSet()
_STAMPED = ("context", "baggage", "environment")
"""Who told of an agent so surely that a span's own word, which may come later, counts less."""


@cache
def tracer_provider() -> TracerProvider:
    """Return our provider, made at the first call; it samples all, and is never the global one."""
    # By name, for `OTEL_TRACES_SAMPLER` would drop spend; and our own exit handlers flush.
    made = SdkTracerProvider(ALWAYS_ON, resource_of(os.environ), shutdown_on_exit=False)
    made.add_span_processor(_Onward())
    return _ShyProvider(made)


class _Onward(SpanProcessor):
    """Knows spans and their parents, stamps them, and hands them to the outbox."""

    def on_start(self, span: SdkSpan, parent_context: Context | None = None) -> None:
        try:
            self._begin(span, parent_context)
        except Exception as error:  # noqa: BLE001 - the agent's code starts this span
            mishap.note("tracing.on_start", "a span could not be given its agent", error)

    def on_end(self, span: ReadableSpan) -> None:
        try:
            provider.put(span)
        except Exception as error:  # noqa: BLE001 - the agent's code ends this span
            mishap.note("tracing.on_end", "a span could not be sent", error)

    def _begin(self, span: SdkSpan, parent_context: Context | None) -> None:
        _ours.add(span)
        context = get_current() if parent_context is None else parent_context
        parent = get_current_span(context)
        if parent.get_span_context().is_valid:
            identity.note_parent(span, parent)
        who = identity.named_in(set_span_in_context(span, context))
        if who.told_by in _STAMPED:
            span.set_attribute(AGENT, who.agent)


class _ShyProvider(TracerProvider):
    def __init__(self, real: SdkTracerProvider) -> None:
        self._real = real

    def get_tracer(self, *args: Any, **kwargs: Any) -> Tracer:
        return _ShyTracer(self._real.get_tracer(*args, **kwargs))


class _ShyTracer(Tracer):
    """Starts spans where nobody else traces; else a shadow of the span that is there."""

    def __init__(self, real: Tracer) -> None:
        self._real = real

    def start_span(
        self, name: str, context: Context | None = None, *args: Any, **kwargs: Any
    ) -> Span:
        above = get_current_span(context)
        if not _user_traces(above):
            return self._real.start_span(name, context, *args, **kwargs)
        shadow = NonRecordingSpan(above.get_span_context())
        identity.note_parent(shadow, above)
        return shadow

    @contextmanager
    def start_as_current_span(  # type: ignore[override] # theirs may decorate coroutines, too
        self, name: str, context: Context | None = None, *args: Any, **kwargs: Any
    ) -> Iterator[Span]:
        end_on_exit = kwargs.pop("end_on_exit", True)
        how = {
            key: kwargs[key]
            for key in ("record_exception", "set_status_on_exception")
            if key in kwargs
        }
        span = self.start_span(name, context, *args, **kwargs)
        with use_span(span, end_on_exit=end_on_exit, **how) as current:
            yield current


def _user_traces(above: Span) -> bool:
    """Tell whether the user has a tracer provider, or a span of another than ours is active."""
    if not isinstance(trace.get_tracer_provider(), ProxyTracerProvider | NoOpTracerProvider):
        return True
    said = above.get_span_context()
    return said.is_valid and not said.is_remote and above not in _ours
