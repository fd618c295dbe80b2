"""Tells the manager of calls: a span for each attempt that left, and for each that was refused."""

from time import time_ns

from manager_agent.contract.decision import Refuse
from manager_agent.instrumentation import provider
from manager_agent.instrumentation.call import Ask, Ended
from manager_agent.instrumentation.refused import Refused


def emit(ended: Ended) -> None:
    """Send the span of an ended call, soon; returns at once."""
    provider.put(ended)


def refused(ask: Ask, refuse: Refuse) -> None:
    """Tell of a call that never left: it becomes a row of `decisions`, none of `llm_calls`."""
    provider.put(Refused(ask, refuse, time_ns()))
