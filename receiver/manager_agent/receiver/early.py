"""Pure: what a request's sender is told before the request was understood.

It is what the intake would say once it has read the request; nothing is kept of what is read here.
"""

from collections import Counter

from manager_agent.receiver.answer import Accepted, Answer, Refused
from manager_agent.receiver.crowd import refuse_crowd
from manager_agent.receiver.decode import refusal
from manager_agent.receiver.logs import decode_logs
from manager_agent.receiver.metrics import decode_metrics
from manager_agent.receiver.signals import BY_NAME, SignalName
from manager_agent.receiver.wire import MalformedRequestError, parse


def early_answer(payload: bytes, signal: SignalName) -> Answer:
    """Return the answer to a request that will be stored."""
    try:
        return accepted(signal, _dropped(payload, signal))
    except MalformedRequestError as error:
        return Refused(str(error), retryable=False)


def accepted(signal: SignalName, dropped: "Counter[str]") -> Accepted:
    """Return what a sender is told of items left out, by reason.

    Reasons that begin with `invalid_` are the sender's to hear of; the rest is of no interest.
    """
    rejected = {reason: n for reason, n in dropped.items() if reason.startswith("invalid_")}
    said = ", ".join(f"{n} x {reason}" for reason, n in sorted(rejected.items()))
    words = f"refused {BY_NAME[signal].items}: {said}" if said else ""
    return Accepted(sum(rejected.values()), words)


def _dropped(payload: bytes, signal: SignalName) -> "Counter[str]":
    if signal == "logs":
        return decode_logs(payload).dropped
    if signal == "metrics":
        return decode_metrics(payload).dropped
    refuse_crowd(payload)
    dropped: Counter[str] = Counter()
    for resource_spans in parse(payload).resource_spans:
        for scope_spans in resource_spans.scope_spans:
            for wire in scope_spans.spans:
                reason = refusal(wire.trace_id, wire.span_id, wire.start)
                if reason is not None:
                    dropped[reason] += 1
    return dropped
