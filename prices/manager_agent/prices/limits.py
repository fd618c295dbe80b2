"""How much a model takes in and generates at most: what a call reserves that does not say so."""

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from typing import Any


@dataclass(frozen=True, slots=True)
class Limits:
    """`output_tokens`: the most of one answer, reasoning included. `context_tokens`: of a prompt.

    None where nobody documents it.
    """

    output_tokens: int | None = None
    context_tokens: int | None = None


def documented(
    provider: str | None, names: Iterable[tuple[str | None, str]], context: int | None
) -> Limits:
    """Return what is documented of a model.

    `names`: (canonical provider, name) in the order in which a price was looked for; the first that
    fits a row decides. `context`: genai-prices' size of its context, None where it has none.
    """
    for seller, name in names:
        for row in _rows():
            if _fits(row, seller or provider, name.lower()):
                return Limits(int(row["output"]), context)
    return Limits(None, context)


def _fits(row: dict[str, Any], provider: str | None, name: str) -> bool:
    if "provider" in row and row["provider"] != provider:
        return False
    return any(fnmatchcase(name, pattern) for pattern in row["match"])


def _rows() -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = _table()["rows"]
    return rows


@cache
def _table() -> dict[str, Any]:
    text = files(__package__).joinpath("output_limits.toml").read_text("utf-8")
    return tomllib.loads(text)
