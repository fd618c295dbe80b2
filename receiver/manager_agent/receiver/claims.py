"""Pure: does this span claim a billable call, and if not, what part does it play?

The rows of `tables/claims.toml`, in order; the first whose test is met decides.
"""

import re
from dataclasses import dataclass
from functools import cache
from typing import cast

from manager_agent.receiver.fact import Role
from manager_agent.receiver.span import Attributes
from manager_agent.receiver.tables import table
from manager_agent.receiver.values import amount, text

_MARKERS = (
    "gen_ai.",
    "openinference.",
    "llm.",
    "ai.",
    "traceloop.",
    "langsmith.",
    "langfuse.",
    "mlflow.",
    "logfire.span_type",
    "manager.",
    "agent_name",
)

_OPERATION_KEYS = ("gen_ai.operation.name", "llm.request.type")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a span is: its role, the row that said so, and for a call its operation and model."""

    role: Role
    rule: str
    operation: str = ""
    model: str | None = None


@dataclass(frozen=True, slots=True)
class _Rule:
    name: str
    scope: str
    key: str
    calls: frozenset[str]
    only: frozenset[str]
    roles: dict[str, str]
    role: str
    span_names: frozenset[str]
    name_pattern: re.Pattern[str] | None
    last_part: bool
    strip_a: bool
    unless_operation: bool
    needs_usage: bool


def verdict(name: str, scope: str, attributes: Attributes) -> Verdict | None:
    """Return what the span called `name` is, None where it has nothing to do with GenAI."""
    rules, by_scope = _rules()
    if not scope.startswith(by_scope) and not any(_is_marker(key) for key in attributes):
        return None
    for rule in rules:
        if rule.key and rule.key not in attributes:
            continue
        value = _value(rule, name, scope, attributes)
        if value is None:
            continue
        if rule.only and value not in rule.only:
            continue
        if value in rule.calls:
            return _call(rule, value, name)
        role = rule.role or rule.roles.get(value, "genai")
        return Verdict(cast(Role, role), rule.name)
    return Verdict("genai", "none") if any(_is_marker(key) for key in attributes) else None


@dataclass(frozen=True, slots=True)
class Part:
    """Which of several reporters behind one scope a span is from (`[[part]]` of the table).

    `seconds`: set where the span reports the end of a stream: how long that took before it.
    """

    name: str
    seconds: float | None = None


def part_of(scope: str, attributes: Attributes) -> Part | None:
    """Return the reporter within a scope, None where the scope has but one."""
    for row in table("claims")["part"]:
        if not scope.startswith(row["scope"]) or row["key"] not in attributes:
            continue
        if attributes[row["key"]] == row.get("value", attributes[row["key"]]):
            seconds = amount(attributes.get(row["seconds"])) or 0.0 if "seconds" in row else None
            return Part(row["name"], seconds)
    return None


@cache
def deciding_keys() -> frozenset[str]:
    """Return the attributes whose values decide whether a span claims a call, and as which part."""
    parts = [
        row[key] for row in table("claims")["part"] for key in ("key", "seconds") if key in row
    ]
    return frozenset({rule.key for rule in _rules()[0]} | set(parts) | set(_OPERATION_KEYS))


def has_parts(scope: str) -> bool:
    """Tell whether several reporters share a scope."""
    return any(scope.startswith(row["scope"]) for row in table("claims")["part"])


def _value(rule: _Rule, name: str, scope: str, attributes: Attributes) -> str | None:
    """Return the value that `rule` judges, None where the rule does not apply."""
    if rule.scope and not scope.startswith(rule.scope):
        return None
    if rule.span_names and name not in rule.span_names:
        return None
    if rule.needs_usage and "gen_ai.usage.input_tokens" not in attributes:
        return None
    if rule.unless_operation and _is_model_operation(attributes):
        return None
    if rule.name_pattern:
        match = rule.name_pattern.match(name)
        return match["operation"] if match else None
    if not rule.key:
        return name
    value = text(attributes.get(rule.key))
    if value is None:
        return None
    if rule.last_part:
        value = value.rsplit(".", 1)[-1]
    if rule.strip_a and value not in rule.calls and value[:1] == "a":
        value = value[1:]
    return value


def _call(rule: _Rule, value: str, name: str) -> Verdict:
    operation = table("claims")["operations"].get(value, value)
    if rule.name == "llm.request.type" and value == "completion":
        operation = "text_completion"
    elif operation in ("completion",):
        operation = "chat"
    elif operation == "embedding":
        operation = "embeddings"
    match = rule.name_pattern.match(name) if rule.name_pattern else None
    return Verdict("call", rule.name, operation, match["model"] if match else None)


def _is_model_operation(attributes: Attributes) -> bool:
    operation = next(filter(None, (text(attributes.get(key)) for key in _OPERATION_KEYS)), None)
    return operation is not None and any(
        operation in rule.calls for rule in _rules()[0] if rule.name == "operation"
    )


@cache
def _is_marker(key: str) -> bool:
    return key.startswith(_MARKERS)


@cache
def _rules() -> tuple[list[_Rule], tuple[str, ...]]:
    rules = [_rule(row) for row in table("claims")["rule"]]
    by_name_alone = tuple(rule.scope for rule in rules if rule.scope)
    return rules, by_name_alone


def _rule(row: dict[str, object]) -> _Rule:
    pattern = row.get("name_pattern")
    return _Rule(
        name=str(row["name"]),
        scope=str(row.get("scope", "")),
        key=str(row.get("key", "")),
        calls=frozenset(cast(list[str], row["calls"])),
        only=frozenset(cast(list[str], row.get("only", []))),
        roles=cast(dict[str, str], row.get("roles", {})),
        role=str(row.get("role", "")),
        span_names=frozenset(cast(list[str], row.get("span_names", []))),
        name_pattern=re.compile(str(pattern)) if pattern else None,
        last_part=bool(row.get("last_part")),
        strip_a=bool(row.get("strip_a")),
        unless_operation=bool(row.get("unless_operation")),
        needs_usage=bool(row.get("needs_usage")),
    )
