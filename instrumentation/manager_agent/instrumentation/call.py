"""The two records of a metered call: before it leaves, and when it has ended.

Both are made on the way of every call, so what is costly and not needed to decide is worked out
when it is first asked for, which is mostly in the thread that sends spans.
"""

from collections.abc import Callable
from hashlib import blake2b
from typing import Literal, Protocol

from opentelemetry.context import Context

from manager_agent.contract.decision import Allow
from manager_agent.contract.turn import last_turn
from manager_agent.instrumentation.asked import Asked
from manager_agent.instrumentation.endpoint import Endpoint
from manager_agent.instrumentation.identity import Identity
from manager_agent.instrumentation.receipt import Charged, Receipt, receipt_of
from manager_agent.instrumentation.told import Told

Ending = Literal[
    "whole",  # the answer was read to its end
    "abandoned",  # the caller left it, or never read it
    "cancelled",  # the caller's task was cancelled, or its own time-out struck
    "broken",  # the connection, before or within the answer
]


class Ask:
    """One attempt on the wire, as it is before it leaves; SDK retries are attempts of their own.

    `call_id`: 32 hex digits, time-ordered (UUID 7). `context`: what was active where it was made,
    so that its span hangs where it belongs. `body`: of the request, None where that cannot be
    read, and once it was let go. `rewritable`: who sends it can send another body, `rewritten`
    where that is one; then `model_asked` is the model that it asked for at first. `limits_asked`:
    those that people were asked to extend for it.
    """

    __slots__ = (
        "_digest",
        "_turn",
        "asked",
        "body",
        "call_id",
        "context",
        "endpoint",
        "identity",
        "limits_asked",
        "model_asked",
        "rewritable",
        "rewritten",
        "started_ns",
    )

    def __init__(
        self,
        call_id: str,
        endpoint: Endpoint,
        asked: Asked,
        identity: Identity,
        context: Context,
        started_ns: int,
        body: bytes | None = None,
    ) -> None:
        self.call_id = call_id
        self.endpoint = endpoint
        self.asked = asked
        self.identity = identity
        self.context = context
        self.started_ns = started_ns
        self.body = body
        self.rewritable = False
        self.rewritten: bytes | None = None
        self.model_asked: str | None = None
        self.limits_asked: tuple[str, ...] = ()
        self._digest: bytes | None = None
        self._turn: bytes | None = None

    @property
    def body_digest(self) -> bytes | None:
        """Return a digest of the body; it leaves the process only under a key."""
        if self._digest is None and self.body is not None:
            self._digest = blake2b(self.body, digest_size=16).digest()
        return self._digest

    @property
    def turn_digest(self) -> bytes | None:
        """Return a digest of what the body adds to the request before, as `body_digest`."""
        if self._turn is None and self.body is not None:
            turn = last_turn(self.body.decode("utf-8", "replace"))
            self._turn = b"" if turn is None else blake2b(turn.encode(), digest_size=16).digest()
        return self._turn or None

    def let_go(self) -> None:
        """Keep of the body its digests alone."""
        if self.body is not None:
            self._digest, self._turn = self.body_digest, self.turn_digest
            self.body = None


class Unread(Protocol):
    """An answer that came whole, and is read when somebody wants to know."""

    size: int
    """Bytes that it holds."""

    def counted(self) -> Told:
        """Return what settling needs: usage, model, tier, cost, error, and if it is complete."""

    def told(self) -> Told:
        """Return all that it tells. Never raises."""

    def is_sound(self, most_bytes: int) -> bool:
        """Say whether it tells of no error, and is not larger with its request than so many bytes.

        False where that takes more than a glance.
        """


class Ended:
    """One attempt that went out, settled exactly once. Times: nanoseconds since 1970 UTC.

    `first_chunk_ns`: when a stream's first bytes came. `status`: of the HTTP answer, None without
    one. `failure`: the class of the exception that ended it, None where none did.
    `sent`: False where it is certain that nothing was asked of the provider: no connection was had.
    `left_ns`: when it left, after all waiting at the gate; 0 where nobody noted it.
    `retry_after_seconds`: when an answer that is an error asked to come again. `unread`: an answer
    that came whole, until all of it is read; the thread that settles and the one that sends the
    span may want it at the same time. `settle`: what settles it when somebody wants the receipt, if
    nobody did before; `charged`: what was charged then, until the receipt is made of it.
    """

    __slots__ = (
        "_counted",
        "_receipt",
        "_told",
        "ask",
        "charged",
        "decision",
        "ended_ns",
        "ending",
        "failure",
        "first_chunk_ns",
        "left_ns",
        "retry_after_seconds",
        "sent",
        "settle",
        "status",
        "unread",
    )

    def __init__(
        self,
        ask: Ask,
        decision: Allow,
        ended_ns: int,
        ending: Ending,
        told: Told | Unread,
        status: int | None = None,
        first_chunk_ns: int | None = None,
        failure: str | None = None,
        sent: bool = True,
        receipt: Receipt | None = None,
        left_ns: int = 0,
        retry_after_seconds: float | None = None,
    ) -> None:
        self.ask = ask
        self.decision = decision
        self.ended_ns = ended_ns
        self.ending = ending
        self.status = status
        self.first_chunk_ns = first_chunk_ns
        self.failure = failure
        self.sent = sent
        self._receipt = receipt
        self.settle: Callable[[], None] | None = None
        self.charged: Charged | None = None
        self.left_ns = left_ns
        self.retry_after_seconds = retry_after_seconds
        if type(told) is Told:
            self._told: Told | None = told
            self._counted: Told | None = told
            self.unread: Unread | None = None
        else:
            self._told = self._counted = None
            self.unread = told  # type: ignore[assignment]

    @property
    def receipt(self) -> Receipt | None:
        """Return what the policy charged for it; it is settled now if it was not yet."""
        if self.charged is None and self.settle is not None:
            self.settle()
        charged = self.charged
        if charged is not None:
            self._receipt, self.charged, self.settle = receipt_of(charged), None, None
        return self._receipt

    @receipt.setter
    def receipt(self, receipt: Receipt | None) -> None:
        self._receipt = receipt
        self.settle = self.charged = None

    @property
    def told(self) -> Told:
        """Return all that the answer tells; reading it takes tens of microseconds."""
        found = self._told
        if found is None:
            answer = self.unread
            if answer is None:  # another thread has read it just now
                assert self._told is not None
                return self._told
            found = self._told = self._counted = answer.told()
            self.unread = None
        return found

    @property
    def counted(self) -> Told:
        """Return usage, model, tier, cost and error of the answer; a few microseconds."""
        found = self._counted
        if found is None:
            answer = self.unread
            if answer is None:  # another thread has read all of it just now
                return self.told
            found = self._counted = answer.counted()
        return found

    def held_bytes(self) -> int:
        """Return the bytes of request and answer that this holds on to."""
        answer, body = self.unread, self.ask.body
        return (answer.size if answer is not None else 0) + (0 if body is None else len(body))

    def let_go(self) -> None:
        """Read what is to be read and hold on to no bytes any more."""
        _ = self.told
        self.ask.let_go()
