"""Tells the manager of calls: a span for each attempt that left, and for each that was refused."""

from time import monotonic, time_ns

from manager_agent.contract.decision import Refuse
from manager_agent.instrumentation import mishap, provider
from manager_agent.instrumentation.call import Ask, Ended
from manager_agent.instrumentation.pace import Pace
from manager_agent.instrumentation.refused import Refused

_REFUSALS = Pace(burst=500, per_second=10)
"""An agent that asks again and again after a refusal may do so a thousand times a second."""


def emit(ended: Ended) -> None:
    """Send the span of an ended call, soon; returns at once."""
    provider.put(ended)


def refused(ask: Ask, refuse: Refuse) -> None:
    """Tell of a call that never left: it becomes a row of `decisions`, none of `llm_calls`.

    In a flood of them, the manager is told of some.
    """
    if _REFUSALS.take(monotonic()):
        provider.put(Refused(ask, refuse, time_ns()))
    else:
        mishap.warn("spans.flood", "calls are refused so often that the manager is told of some")
