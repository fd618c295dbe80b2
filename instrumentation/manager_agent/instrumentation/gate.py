"""The gate: asks the policy about a call that is about to leave, and waits where it must wait."""

import json
import os
import time
from collections.abc import Mapping
from contextvars import ContextVar, Token
from dataclasses import dataclass, replace

from opentelemetry.context import Context, get_current

from manager_agent.contract.decision import Allow, Decision, Hold, Refuse, Wait
from manager_agent.instrumentation import guarding, hosts, identity, mishap, reentry, spans, within
from manager_agent.instrumentation.asked import Asked
from manager_agent.instrumentation.call import Ask
from manager_agent.instrumentation.call_id import new_call_id
from manager_agent.instrumentation.endpoint import Endpoint
from manager_agent.instrumentation.governed import Governed
from manager_agent.instrumentation.holding import unanswered
from manager_agent.instrumentation.identity import Identity
from manager_agent.instrumentation.local_policy import AllowAll, from_environment
from manager_agent.instrumentation.meter import Call
from manager_agent.instrumentation.policy import Policy
from manager_agent.instrumentation.refusal import Refusal, refusal
from manager_agent.instrumentation.wires import WIRES

_FAILED_OPEN = Allow("policy_failed")
_DECISIONS = (Allow, Refuse, Hold, Wait)
_inside: ContextVar[bool] = ContextVar("manager_agent_inside", default=False)
_policy: Policy | None = None


@dataclass(frozen=True, slots=True)
class Fields:
    """The plain fields of a form whose files are on their way: all that is known of its body."""

    values: Mapping[str, str]


Body = bytes | Fields | None
"""The body of a request; None where it cannot be read without consuming it."""


def policy() -> Policy:
    """Return who decides in this process: what `use` was given, else local policy and guard."""
    global _policy
    if _policy is None:
        _policy = Governed(_local_policy(), _guard())
    return _policy


def _local_policy() -> Policy:
    try:
        return from_environment(os.environ)
    except Exception as error:  # noqa: BLE001 - an agent without a policy still works
        mishap.note("policy.load", "the local policy cannot be used; calls pass", error)
        return AllowAll()


def _guard() -> Policy:
    try:
        return guarding.current()
    except Exception as error:  # noqa: BLE001 - a broken guard never breaks the agent
        mishap.note("policy.guard", "no budget is held in this process; calls pass", error)
        return AllowAll()


def use(policy: Policy | None) -> None:
    """Let `policy` decide from the next call on; None: the local policy, read anew, and guard."""
    global _policy
    _policy = policy


def endpoint(
    host: str, port: int, path: str, method: str, headers: Mapping[str, str]
) -> Endpoint | None:
    """Return what a request is for, None where it is none of ours or a client in a client's."""
    try:
        found = hosts.find(host, port, path, method)
        if found is None:
            hosts.stranger(host, port, path, headers)
        elif _inside.get():
            return None  # the outer client meters it: litellm sends httpx over aiohttp
        return found
    except Exception as error:  # noqa: BLE001 - not the agent's concern
        mishap.note("gate.endpoint", "a request was let through unseen", error)
        return None


def begin() -> Token[bool]:
    """Say that a metered client sends now, in this context: clients below it are not metered."""
    return _inside.set(True)


def end(token: Token[bool]) -> None:
    """Say that it has returned."""
    try:
        _inside.reset(token)
    except ValueError:  # a coroutine that is collected ends in another context, which knows nothing
        return


def enter(endpoint: Endpoint, body: Body, rewritable: bool = False) -> Call | Refusal:
    """Decide about a request; block while it is held.

    `rewritable`: who sends it looks at the call's `ask.rewritten`, and sends that body instead.
    """
    ask, decider = _ask(endpoint, body), policy()
    ask.rewritable = rewritable
    decision: object = _decide(decider, ask)
    if isinstance(decision, (Hold, Wait)):
        hold = decision
        try:
            decision = decider.wait(ask, hold)
        except Exception as error:  # noqa: BLE001 - not the agent's concern
            decision = _unanswered(hold, error)
    return _entered(decider, ask, decision)


async def enter_async(endpoint: Endpoint, body: Body, rewritable: bool = False) -> Call | Refusal:
    """Do as `enter` does; the event loop is free while the call is held."""
    ask, decider = _ask(endpoint, body), policy()
    ask.rewritable = rewritable
    decision: object = _decide(decider, ask)
    if isinstance(decision, (Hold, Wait)):
        hold = decision
        try:
            decision = await decider.wait_async(ask, hold)
        except Exception as error:  # noqa: BLE001 - not the agent's concern
            decision = _unanswered(hold, error)
    return _entered(decider, ask, decision)


def _entered(decider: Policy, ask: Ask, decision: object) -> Call | Refusal:
    within.note()
    if isinstance(decision, Refuse):
        ask.body = None  # nobody reads it any more
        try:
            spans.refused(ask, decision)
        except Exception as error:  # noqa: BLE001 - not the agent's concern
            mishap.note("spans.refused", "a refusal could not be told", error)
        return refusal(ask.endpoint, decision)
    return Call(ask, decision if isinstance(decision, Allow) else _FAILED_OPEN, decider)


def _decide(decider: Policy, ask: Ask) -> Decision:
    outermost = reentry.enter()
    try:
        decision = decider.decide(ask)
        if isinstance(decision, _DECISIONS):
            return decision
        raise TypeError(f"{type(decider).__name__}.decide returned {decision!r}")
    except Exception as error:  # noqa: BLE001 - a broken policy never breaks the agent
        mishap.note("policy.decide", "the policy failed; the call passes", error)
        return _FAILED_OPEN
    finally:
        if outermost:
            reentry.leave()


def _unanswered(hold: Hold | Wait, error: Exception) -> Allow | Refuse:
    """Return what holds where waiting failed: what would hold if nobody had answered."""
    if isinstance(hold, Wait):
        mishap.note("policy.wait", "waiting for money failed; the call passes", error)
        return _FAILED_OPEN
    mishap.note("policy.wait", f"waiting for {hold.approval_id} failed", error)
    return unanswered(hold)


def _ask(endpoint: Endpoint, body: Body) -> Ask:
    started = time.time_ns()
    return Ask(
        new_call_id(started),
        endpoint,
        _asked(endpoint, body),
        _identity(),
        _context(),
        started,
        body if isinstance(body, bytes) else None,
    )


def _asked(endpoint: Endpoint, body: Body) -> Asked:
    try:
        wire = WIRES[endpoint.api]
        if isinstance(body, Fields):
            told = wire.asked(endpoint, json.dumps(dict(body.values)).encode())
            return replace(told, body_bytes=None, text_bytes=None)
        seen = None if body is None else wire.glance(endpoint, body)
        return wire.asked(endpoint, body) if seen is None else seen
    except Exception as error:  # noqa: BLE001 - not the agent's concern
        mishap.note("gate.asked", "a request's body cannot be read", error)
        return Asked(model=endpoint.model)


def _identity() -> Identity:
    try:
        return identity.current()
    except Exception as error:  # noqa: BLE001 - not the agent's concern
        mishap.note("gate.identity", "whose call it is cannot be told", error)
        return Identity("unknown", "default")


def _context() -> Context:
    try:
        return get_current()
    except Exception as error:  # noqa: BLE001 - not the agent's concern
        mishap.note("gate.context", "the context of a call cannot be read", error)
        return Context()
