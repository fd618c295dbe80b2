"""The two records of a metered call: before it leaves, and when it has ended."""

from dataclasses import dataclass
from typing import Literal

from opentelemetry.context import Context

from manager_agent.contract.decision import Allow
from manager_agent.instrumentation.asked import Asked
from manager_agent.instrumentation.endpoint import Endpoint
from manager_agent.instrumentation.identity import Identity
from manager_agent.instrumentation.receipt import Receipt
from manager_agent.instrumentation.told import Told

Ending = Literal[
    "whole",  # the answer was read to its end
    "abandoned",  # the caller left it, or never read it
    "cancelled",  # the caller's task was cancelled, or its own time-out struck
    "broken",  # the connection, before or within the answer
]


@dataclass(frozen=True, slots=True)
class Ask:
    """One attempt on the wire, as it is before it leaves; SDK retries are attempts of their own.

    `call_id`: 32 hex digits, time-ordered (UUID 7). `context`: what was active where it was made,
    so that its span hangs where it belongs. `body_digest`: of the body of the request, None where
    that cannot be read; it leaves the process only under a key.
    """

    call_id: str
    endpoint: Endpoint
    asked: Asked
    identity: Identity
    context: Context
    started_ns: int
    body_digest: bytes | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    """One attempt that went out, settled exactly once. Times: nanoseconds since 1970 UTC.

    `first_chunk_ns`: when a stream's first bytes came. `status`: of the HTTP answer, None without
    one. `failure`: the class of the exception that ended it, None where none did.
    `sent`: False where it is certain that nothing was asked of the provider: no connection was had.
    `receipt`: what the policy charged for it, once it was settled. `left_ns`: when it left, after
    all waiting at the gate; 0 where nobody noted it. `retry_after_seconds`: when an answer that is
    an error asked to come again.
    """

    ask: Ask
    decision: Allow
    ended_ns: int
    ending: Ending
    told: Told
    status: int | None = None
    first_chunk_ns: int | None = None
    failure: str | None = None
    sent: bool = True
    receipt: Receipt | None = None
    left_ns: int = 0
    retry_after_seconds: float | None = None
