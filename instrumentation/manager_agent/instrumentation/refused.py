"""The record of a call that was refused."""

from dataclasses import dataclass

from manager_agent.contract.decision import Refuse
from manager_agent.instrumentation.call import Ask


@dataclass(frozen=True, slots=True)
class Refused:
    """One attempt that never left, when that was decided (nanoseconds since 1970) and why."""

    ask: Ask
    refuse: Refuse
    at_ns: int
