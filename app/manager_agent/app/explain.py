"""The settings explain themselves: reference text, an annotated file and a JSON Schema."""

import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import yaml
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from manager_agent.app.config_errors import bare, hint
from manager_agent.app.settings import Settings

_WIDTH = 100
_HEAD = """\
Configuration of Manager Agent: every key, what it means, and its default. Every key may be left
out, and an empty one means its default. `manager-agent config check` names every mistake at once;
`manager-agent config explain KEY` tells about one key.
"""

EXAMPLES = {
    "agent_budgets": """\
default: {hourly_limit_usd: 1.0, daily_limit_usd: 10.0, monthly_limit_usd: 100.0, priority: 3}
security_agent: {hourly_limit_usd: 2.0, daily_limit_usd: 20.0, priority: 1, enforcement: hard}""",
    "groups": "research: {agents: [a, b], daily_limit_usd: 50, floors: {1: 0.2}}",
    "prices.custom": """\
- {provider: openai, model: "ft:gpt-4o:acme::1", input_usd_per_mtok: 3.75, output_usd_per_mtok: 15}
- {match: "llama-3*", input_usd_per_mtok: 0.1, output_usd_per_mtok: 0.1, from: 2026-12-01}""",
    "prices.discounts": "{openai: 0.1, anthropic/claude-sonnet-4-5: 0.15}",
    "receiver.tokens": """\
- {token_file: /etc/manager/research.token, agent: research-agent}
- {token_env: COLLECTOR_TOKEN, name: collector}""",
    "receiver.tls": "{cert_file: /etc/manager/tls.crt, key_file: /etc/manager/tls.key}",
}
"""Key -> what one might write under it; shown in the annotated file."""

_WORDS = {
    Decimal: "number",
    Path: "path",
    SecretStr: "text, secret",
    bool: "true or false",
    date: "day",
    float: "number",
    int: "whole number",
    str: "text",
}


class UnknownKeyError(LookupError):
    """There is no such key; the message says which may have been meant."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key: its path (`agent_budgets.<name>.priority`), type in words, default, and meaning.

    `default` is as YAML writes it, None where the key must be given.
    """

    path: str
    kind: str
    default: str | None
    text: str


def keys() -> list[Key]:
    """Return every key in the order of the file, sections before what they hold."""
    return list(_walk(Settings, ""))


def explain(path: str | None = None) -> str:
    """Return the reference text of all keys, or of the key at `path` and those below it.

    Names that users choose may stand in the path: `agent_budgets.my_agent.priority`.
    Raises `UnknownKeyError`.
    """
    known = keys()
    wanted = [key for key in known if path is None or _covers(path, key.path)]
    if not wanted:
        raise UnknownKeyError(
            f"{path}: there is no such key; {hint(path or '', [k.path for k in known])}"
        )
    return "\n".join(_entry(key) for key in wanted)


def annotated() -> str:
    """Return config/manager_agent.yaml: the defaults, each with its meaning above it."""
    lines = [*_comment(_HEAD, ""), ""]
    for name, field in Settings.model_fields.items():
        kind = bare(field.annotation)
        lines += _comment(field.description, "")
        if _is_section(kind):
            lines.append(f"{name}:")
            lines += [line for inner in _fields(kind) for line in _lines(*inner, name)]
        else:
            lines += _setting(name, field, name, "")
        lines.append("")
    return "\n".join(lines)


def schema() -> dict[str, Any]:
    """Return the JSON Schema of the configuration, for editors."""
    made = Settings.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made}


def _walk(section: type[BaseModel], prefix: str) -> Iterator[Key]:
    for name, field in _fields(section):
        path, kind = f"{prefix}{name}", bare(field.annotation)
        default = None if field.is_required() else _yaml(_default(field))
        if _is_section(kind):
            default = default if field.default is None else ""
        yield Key(path, _kind(kind), default, field.description or "")
        if _is_section(kind):
            yield from _walk(kind, f"{path}.")
        inside = [bare(part) for part in get_args(kind) if _is_section(bare(part))]
        if inside:
            yield from _walk(
                inside[0], f"{path}.<name>." if get_origin(kind) is dict else f"{path}[]."
            )


def _entry(key: Key) -> str:
    default = "must be given" if key.default is None else f"default {key.default}"
    about = key.kind if key.default == "" else f"{key.kind}; {default}"
    text = textwrap.fill(_joined(key.text), 76, initial_indent="    ", subsequent_indent="    ")
    return f"{key.path}  ({about})\n{text}\n"


def _covers(path: str, known: str) -> bool:
    """Say whether the key `known` is the one at `path`, or below it."""
    asked, parts = path.replace("[]", "").split("."), known.replace("[]", "").split(".")
    return len(asked) <= len(parts) and all(
        part in ("<name>", word) for word, part in zip(asked, parts, strict=False)
    )


def _lines(name: str, field: FieldInfo, section: str) -> list[str]:
    about = _comment(field.description, "  ")
    return [*about, *_setting(name, field, f"{section}.{name}", "  ")]


def _setting(name: str, field: FieldInfo, path: str, indent: str) -> list[str]:
    lines = [f"{indent}{name}: {_yaml(_default(field))}"]
    if path in EXAMPLES:
        example = EXAMPLES[path].splitlines()
        lines.append(f"{indent}# For example:")
        lines += (
            [f"{indent}# {name}: {example[0]}"]
            if example[0].startswith("{")
            else [f"{indent}# {name}:", *(f"{indent}#   {line}" for line in example)]
        )
    return lines


def _fields(section: type[BaseModel]) -> Iterator[tuple[str, FieldInfo]]:
    for name, field in section.model_fields.items():
        yield field.alias or name, field


def _is_section(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _kind(kind: Any) -> str:
    if _is_section(kind):
        return "section"
    inside = [bare(part) for part in get_args(kind) if part is not Ellipsis]
    if get_origin(kind) is Literal:
        return " | ".join(map(str, inside))
    if get_origin(kind) is dict:
        return f"mapping of names to {_kind(inside[1])}"
    if get_origin(kind) is tuple:
        return f"list of {_kind(inside[0])}"
    return _WORDS.get(kind, "any value")


def _default(field: FieldInfo) -> Any:
    return field.get_default(call_default_factory=True)


def _plain(value: Any) -> Any:
    """Return a default as YAML knows it."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping | str | int | float | None):
        return value
    return str(value)


def _yaml(value: Any) -> str:
    """Return `value` as YAML on one line."""
    dumped: str = yaml.safe_dump(_plain(value), default_flow_style=True, width=10_000)
    return dumped.removesuffix("\n").removesuffix("\n...").replace("'", '"')


def _comment(text: str | None, indent: str) -> list[str]:
    prefix = f"{indent}# "
    return textwrap.wrap(
        _joined(text or ""), _WIDTH, initial_indent=prefix, subsequent_indent=prefix
    )


def _joined(text: str) -> str:
    return " ".join(text.split())
