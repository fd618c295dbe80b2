"""What is wrong with a configuration, in words that name the key, what was found and the cure."""

import re
from collections.abc import Sequence
from difflib import get_close_matches
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic_core import ErrorDetails

_MUST_BE = {
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "date_from_datetime_parsing": "a day such as 2026-12-01",
    "date_type": "a day such as 2026-12-01",
    "decimal_parsing": "a number",
    "decimal_type": "a number",
    "dict_type": "a mapping of `key: value`",
    "finite_number": "a finite number",
    "float_parsing": "a number",
    "float_type": "a number",
    "greater_than": "more than {gt}",
    "greater_than_equal": "{ge} or more",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "int_type": "a whole number",
    "less_than": "less than {lt}",
    "less_than_equal": "{le} or less",
    "list_type": "a list",
    "model_type": "a mapping of `key: value`",
    "path_type": "a path",
    "string_type": "text; put it in quotes",
    "too_short": "a list of at least {min_length}",
    "tuple_type": "a list such as [a, b]",
}
"""pydantic's error type -> what the value must be."""


def worded(model: type[BaseModel], error: ValidationError) -> list[str]:
    """Return a sentence for each error of validating `model`; no secret is in them."""
    return [_sentence(model, one) for one in error.errors(include_url=False)]


def hint(word: str, known: Sequence[str]) -> str:
    """Return which of `known` was meant by `word`, or all of them."""
    close = get_close_matches(word.lower(), known, n=1)
    return f"did you mean {close[0]}?" if close else f"known are: {', '.join(sorted(known))}"


def _sentence(model: type[BaseModel], error: ErrorDetails) -> str:
    loc, kind, context = error["loc"], error["type"], error.get("ctx", {})
    path = _path(loc)
    if kind == "extra_forbidden":
        return f"{path}: there is no such key; {hint(str(loc[-1]), _keys(_at(model, loc[:-1])))}"
    if kind == "missing":
        return f"{path}: is missing; add it"
    if kind == "value_error" and isinstance(error["input"], dict):
        return f"{path}: {context['error']}"
    return f"{path}: found {_found(_at(model, loc), error['input'])}; {_cure(error)}"


def _cure(error: ErrorDetails) -> str:
    kind, context = error["type"], error.get("ctx", {})
    if kind == "value_error":
        return str(context["error"])
    if kind == "literal_error":
        choices = re.findall(r"'([^']*)'", str(context["expected"]))
        return f"must be one of {', '.join(choices)}; {hint(str(error['input']), choices)}"
    must = _MUST_BE.get(kind)
    return f"must be {must.format(**context)}" if must else error["msg"]


def _path(loc: Sequence[int | str]) -> str:
    """Return `a.b[0].c`."""
    text = ""
    for part in loc:
        if part != "[key]":
            text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text or "the file"


def _found(kind: Any, value: object) -> str:
    """Return `value` shortly, and never a secret."""
    if isinstance(value, dict | list | tuple):
        return "a mapping" if isinstance(value, dict) else "a list"
    if _holds_secret(kind):
        return "a value that is not shown here"
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _holds_secret(kind: Any) -> bool:
    """Say whether a value of this type is a secret or has one inside, written in a wrong form."""
    kind = bare(kind)
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return any(_holds_secret(field.annotation) for field in kind.model_fields.values())
    return kind is SecretStr or any(map(_holds_secret, get_args(kind)))


def _at(kind: Any, loc: Sequence[int | str]) -> Any:
    """Return the type that stands at `loc` inside the type `kind`; None where nothing does."""
    for part in loc:
        kind = bare(kind)
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            named = {field.alias or name: field for name, field in kind.model_fields.items()}
            field = named.get(str(part))
            kind = field.annotation if field else None
        else:
            inside = [inner for inner in get_args(kind) if inner is not Ellipsis]
            kind = inside[-1] if inside else None  # of a mapping the values, of a tuple the items
    return bare(kind)


def bare(kind: Any) -> Any:
    """Return X of `X | None` and of `Annotated[X, ...]`."""
    while True:
        if get_origin(kind) is Annotated:
            kind = get_args(kind)[0]
        elif get_origin(kind) in (Union, UnionType):
            kind = next(part for part in get_args(kind) if part is not type(None))
        else:
            return kind


def _keys(kind: Any) -> list[str]:
    """Return the keys that a section takes."""
    if not (isinstance(kind, type) and issubclass(kind, BaseModel)):
        return []
    return [field.alias or name for name, field in kind.model_fields.items()]
