"""Pure: an agent asks for rates -> the price book's answer. JSON on both sides, bounded."""

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from hashlib import blake2b
from typing import Any

from manager_agent.contract.control import (
    LONGEST_NAME,
    MOST_MODELS,
    MOST_NAMES,
    MOST_REQUEST_BYTES,
)
from manager_agent.prices.book import PriceBook


class BadRequestError(Exception):
    """The request cannot be answered; the message says what was found."""


def rates_answer(request: bytes, book: PriceBook, now: datetime, digest_key: bytes) -> bytes:
    """Return the rates of the models that `request` names, and the key for digests of prompts.

    `digest_key`: what `agents_key` returns. Raises `BadRequestError`.

    Each of `models` is `{"provider", "models", "tier", "day"}`: as `PriceBook.price` takes them,
    names to try in order; `day` is a UTC date, today's where it is left out.
    """
    asked = [_asked(each, now.astimezone(UTC).date()) for each in _models(request)]
    found = [book.day(*each).to_json() for each in asked]
    answer = {"rates": found, "digest_key": digest_key.hex()}
    return json.dumps(answer, separators=(",", ":")).encode()


def agents_key(secret: bytes) -> bytes:
    """Return the key that agents get: made from the manager's own, which it does not tell."""
    return blake2b(key=secret, person=b"agents", digest_size=32).digest()


def _models(request: bytes) -> list[Any]:
    if len(request) > MOST_REQUEST_BYTES:
        raise BadRequestError(f"{len(request)} bytes; at most {MOST_REQUEST_BYTES} are read")
    try:
        models = json.loads(request)["models"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise BadRequestError('it is no {"models": [...]} in JSON') from error
    if not isinstance(models, list) or len(models) > MOST_MODELS:
        raise BadRequestError(f"`models` is no list of at most {MOST_MODELS}")
    return models


def _asked(record: Any, today: date) -> tuple[str | None, tuple[str | None, ...], str | None, date]:
    if not isinstance(record, Mapping):
        raise BadRequestError("one of `models` is no object")
    names = record.get("models")
    if not isinstance(names, list) or len(names) > MOST_NAMES:
        raise BadRequestError(f"`models` of a model is no list of at most {MOST_NAMES} names")
    try:
        day = date.fromisoformat(record["day"]) if record.get("day") is not None else today
    except (TypeError, ValueError) as error:
        raise BadRequestError("`day` is no date such as 2026-11-26") from error
    name, tier = _name(record.get("provider")), _name(record.get("tier"))
    return name, tuple(_name(each) for each in names), tier, day


def _name(said: Any) -> str | None:
    if said is None:
        return None
    if not isinstance(said, str) or len(said) > LONGEST_NAME:
        raise BadRequestError(f"a name is no text of at most {LONGEST_NAME} characters")
    return said
