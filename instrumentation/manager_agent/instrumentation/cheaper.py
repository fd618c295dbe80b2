"""Making a call with a cheaper model, where its caller allows it and people say so.

The model is replaced within the same provider and API, in the body of the request. Where it stands
elsewhere (a URL, a signature over the body), or the body cannot be read, it is not offered.
"""

import json
import os
from dataclasses import replace

from manager_agent.contract.guard import Policy
from manager_agent.instrumentation.call import Ask

SWITCH = "MANAGER_ALLOW_CHEAPER"
_NO = frozenset({"0", "false", "no", "off"})


def offered(ask: Ask, policy: Policy) -> str | None:
    """Return the model that may run in the place of the one a call asks for; None: none may."""
    if not policy.cheaper or not ask.rewritable or not _allowed(policy):
        return None
    pairs = (pair.partition("=") for pair in policy.cheaper)
    found = next((other for model, _, other in pairs if model == ask.asked.model), None)
    return found if found and _fields(ask) is not None else None


def with_model(ask: Ask, model: str) -> Ask:
    """Return a call that asks for another model, to see what it would cost."""
    return Ask(
        ask.call_id,
        ask.endpoint,
        replace(ask.asked, model=model),
        ask.identity,
        ask.context,
        ask.started_ns,
    )


def run_with(ask: Ask, model: str) -> bool:
    """Have a call made with another model; say whether it can be."""
    fields = _fields(ask)
    if fields is None:
        return False
    fields["model"] = model
    body = json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()
    ask.model_asked = ask.asked.model
    ask.asked = replace(ask.asked, model=model, body_bytes=len(body))
    ask.body = ask.rewritten = body
    return True


def _allowed(policy: Policy) -> bool:
    said = os.environ.get(SWITCH, "").strip().lower()
    return said not in _NO if said else policy.cheaper_allowed


def _fields(ask: Ask) -> dict[str, object] | None:
    """Return what a request asks for, where its model is a member of it."""
    try:
        found = json.loads(ask.body or b"")
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or found.get("model") != ask.asked.model:
        return None
    return found
