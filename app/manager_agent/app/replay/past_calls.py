"""Calls of the past as the receiver had them when they were over, as far as breakers ask."""

from collections.abc import Iterator
from datetime import datetime

from manager_agent.analytics.history import History
from manager_agent.receiver.call import Call
from manager_agent.receiver.changes import CallVersion

_DEFAULTS = Call._field_defaults
_NOTHING = Call._make(_DEFAULTS.get(name) for name in Call._fields)


def past_calls(history: History, low: datetime, until: datetime) -> Iterator[CallVersion]:
    """Yield calls in the order in which they were over.

    Whoever watched a call then, what is stored of it is all that is known of it now: guarded ones
    count as the others do.
    """
    for row in history.heard(low, until):
        call_id, agent, provider, model, start_ns, duration_ms, error, kind, said, status = row[:10]
        call = _NOTHING._replace(
            call_id=call_id,
            agent=agent,
            provider=provider,
            response_model=model,
            start_ns=start_ns,
            duration_ms=duration_ms,
            error=error,
            error_type=kind,
            error_message=said,
            http_status=status,
            cost_nano=row[10],
            conversation_id=row[11],
            trace_id=row[12] or "",
            guarded=False,
        )
        yield CallVersion(call, 0, False)
