"""Unpriced models -> the lines of configuration that price them (`manager-agent prices check`)."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from genai_prices.data import providers

from manager_agent.prices.names import GENAI_ID, canonical

_NEAREST = 3
_PLAIN = re.compile(r"[A-Za-z][\w./-]*", re.ASCII)
_YAML_WORDS = frozenset(["false", "n", "no", "null", "off", "on", "true", "y", "yes"])


@dataclass(frozen=True, slots=True)
class UnpricedModel:
    """A model whose calls have no cost: how many calls, and their known tokens."""

    provider: str | None
    model: str | None
    calls: int
    input_tokens: int = 0
    output_tokens: int = 0


def check(rows: Sequence[UnpricedModel]) -> str:
    """Return what to tell the user about `rows`: most tokens first, and the YAML to add.

    The YAML is complete but for the prices, which stand as `?`.
    """
    if not rows:
        return "Every model that was called has a price.\n"
    ordered = sorted(rows, key=lambda row: -(row.input_tokens + row.output_tokens))
    named = [row for row in ordered if row.model]
    lines = [f"{len(rows)} model(s) without a price; what they cost is unknown, not 0:", ""]
    lines += [_line(row) for row in ordered]
    if named:
        lines += ["", "Add to your configuration, with your prices in place of each `?`:", ""]
        lines += ["prices:", "  custom:", *(_entry(row) for row in named)]
    return "\n".join(lines) + "\n"


def nearest(provider: str | None, model: str) -> list[str]:
    """Return up to three model names of the price table that look like `model`.

    Models of `provider` where the table has it, else of any provider.
    """
    name = canonical(provider)
    wanted = GENAI_ID.get(name, name) if name else None
    known = [info.id for seller in providers if seller.id == wanted for info in seller.models]
    known = known or [info.id for seller in providers for info in seller.models]
    by_lower = {name.lower(): name for name in known}
    return [by_lower[hit] for hit in get_close_matches(model.lower(), by_lower, _NEAREST, 0.7)]


def _line(row: UnpricedModel) -> str:
    name = _printable(f"{row.provider or 'unknown provider'} / {row.model or 'no model named'}")
    tokens = f"{row.input_tokens:,} input and {row.output_tokens:,} output tokens"
    text = f"  {name}: {row.calls:,} call(s), {tokens}"
    if row.model is None:
        return f"{text}\n    its emitter sends no model name, so no price can be found"
    like = nearest(row.provider, row.model)
    return f"{text}\n    nearest known: {', '.join(like)}" if like else text


def _entry(row: UnpricedModel) -> str:
    names = {"provider": row.provider, "model": row.model}
    given = [f"{key}: {_scalar(value)}" for key, value in names.items() if value]
    return f"    - {{{', '.join([*given, 'input_usd_per_mtok: ?', 'output_usd_per_mtok: ?'])}}}"


def _scalar(text: str) -> str:
    """Return `text` as YAML reads it back inside braces; a JSON string is one in YAML, too."""
    plain = _PLAIN.fullmatch(text) and text.lower() not in _YAML_WORDS
    return text if plain else json.dumps(text)


def _printable(text: str) -> str:
    """Return `text` without control characters: names come from strangers, and go to terminals."""
    return "".join(char if char.isprintable() else "?" for char in text)
