"""Which calls people are asked about, by what the manager said and what the request declares."""

import json
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any

from manager_agent.contract.guard import Policy
from manager_agent.instrumentation.call import Ask
from manager_agent.instrumentation.lenient import LONGEST_NAME

_MOST_TOOLS = 20
_DEEPEST = 4
_NESTED = ("function", "functionDeclarations", "function_declarations", "toolSpec", "tools")


def asks(policy: Policy) -> bool:
    """Say whether there are calls that people must be asked about before they may cost anything."""
    return bool(
        policy.approve_above_nano is not None or policy.approve_models or policy.approve_tools
    )


def needed(ask: Ask, model: str, nano: int | None, policy: Policy) -> bool:
    """Say whether people must be asked about a call of at most `nano`; None: nobody knows."""
    above = policy.approve_above_nano
    if above is not None and (nano is None or nano > above):
        return True
    if any(fnmatchcase(model, pattern) for pattern in policy.approve_models):
        return True
    return bool(policy.approve_tools) and bool(tools(ask, policy))


def tools(ask: Ask, policy: Policy) -> tuple[str, ...]:
    """Return the tools that a request declares and that must be approved, in order."""
    if not policy.approve_tools or ask.body is None:
        return ()
    found = dict.fromkeys(_declared(ask.body))
    wanted = policy.approve_tools
    asked = [one for one in found if any(fnmatchcase(one, pattern) for pattern in wanted)]
    return tuple(one[:LONGEST_NAME] for one in asked[:_MOST_TOOLS])


def _declared(body: bytes) -> Iterator[str]:
    """Yield the names of tools as the providers' protocols declare them.

    A tool that the provider runs itself has a type in place of a name: `web_search`.
    """
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError):
        return
    if isinstance(fields, dict):
        for key in ("tools", "functions", "toolConfig"):
            yield from _names(fields.get(key), 0)


def _names(found: Any, depth: int) -> Iterator[str]:
    if depth > _DEEPEST:
        return
    if isinstance(found, list):
        for one in found:
            yield from _names(one, depth + 1)
        return
    if not isinstance(found, dict):
        return
    name, kind = found.get("name"), found.get("type")
    if isinstance(name, str):
        yield name
        return
    nested = [
        found[key]
        for key in (
            "function",
            "functionDeclarations",
            "function_declarations",
            "toolSpec",
            "tools",
        )
        if key in found
    ]
    if nested:
        yield from _names(nested, depth)
    elif isinstance(kind, str):
        yield kind
