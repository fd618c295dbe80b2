"""Content at the door: digests are taken, then only harmless attributes go on."""

import json
import re
from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache
from hashlib import blake2b
from math import isfinite
from typing import Any

from manager_agent.contract.turn import last_turn
from manager_agent.receiver.shape import Shape
from manager_agent.receiver.span import Attributes
from manager_agent.receiver.tables import table

_LONGEST_TEXT = 1024
_LONGEST_KEY = 128
_MOST_ITEMS = 32
_LONGEST_MESSAGE = 300

# Shapes of keys and tokens that providers print into their error messages.
_SECRETS = re.compile(
    r"(?:sk|pk|rk|gsk|xox[a-z]|gh[a-z]|AKIA|ASIA|AIza|eyJ)[-_A-Za-z0-9*.]{8,}"
    r"|(?i:(?:bearer|basic|api[-_ ]?key|token|password|secret)['\"]?\s*[:= ]\s*['\"]?)"
    r"[^\s'\",}]{6,}"
)


PromptKeys = tuple[tuple[str, ...], tuple[str, ...]]
"""Attributes that hold a prompt whole, best first, and those that hold a part of it."""


_Member = tuple[str, str, bool]
"""An attribute's key, the key as JSON with its colon, and whether its text may be kept."""


def prompt_keys(attributes: Iterable[str]) -> PromptKeys:
    """Return those of `attributes` in which a prompt is."""
    rows = table("content")["prompt"]
    present = set(attributes)
    whole = tuple(key for key in rows["keys"] if key in present)
    return whole, tuple(sorted(k for k in present if k.startswith(tuple(rows["prefixes"]))))


def keys_of(content: str, attributes: Attributes) -> tuple[str, ...]:
    """Return those of `attributes` that may hold such a content of a tool call, best first."""
    rows: list[str] = table("content")[content]["keys"]
    return tuple(key for key in rows if key in attributes)


class Door:
    """Decides what of a span may go on to the disk.

    `key`: secret of the digests. `keep`: further attribute keys whose text may be kept.
    `capture`: keep everything (`receiver.capture_content`).
    """

    def __init__(self, key: bytes, *, keep: Collection[str] = (), capture: bool = False) -> None:
        rows = table("content")
        self._key = key
        self._keep = frozenset(rows["keep"]["keys"]) | frozenset(keep)
        self._capture = capture

    def kept(self, own: Attributes, shape: Shape | None = None) -> str:
        """Return those of a span's attributes that may be stored, as a JSON object.

        `own`: those that its shape does not tell; all of them where there is none.
        """
        if self._capture:
            every = own if shape is None else {**shape.constants, **own}
            return json.dumps(every, default=str, ensure_ascii=False)
        if shape is None:
            return "{" + ",".join(self._pairs([], own, self._members(own))) + "}"
        known = shape.kept
        if known is None or known[0] is not self:
            shared = self._pairs([], shape.constants, self._members(shape.constants))
            together = [",".join(shared)] if shared else []
            known = shape.kept = self, together, self._members(shape.varying)
        return "{" + ",".join(self._pairs([*known[1]], own, known[2])) + "}"

    def _members(self, keys: Iterable[str]) -> list[_Member]:
        """Return how the members of a JSON object with these keys begin."""
        keep = self._keep
        return [
            (key, _member(key), key in keep)
            for key in keys
            if len(key) <= _LONGEST_KEY or key in keep
        ]

    def _pairs(
        self, pairs: list[str], attributes: Attributes, members: Iterable[_Member]
    ) -> list[str]:
        """Return `pairs`, and behind them those attributes that may be stored, as JSON members."""
        for key, member, may_be_text in members:
            value = attributes[key]
            kind = type(value)
            if kind is int:
                pairs.append(f"{member}{value}")
            elif kind is str:
                if may_be_text:
                    pairs.append(member + _quoted(value[:_LONGEST_TEXT]))
            elif kind is float:
                if isfinite(value):
                    pairs.append(f"{member}{value!r}")
            elif kind is bool:
                pairs.append(f"{member}{'true' if value else 'false'}")
            elif kind is list and may_be_text:
                items = [_scalar(item) for item in value[:_MOST_ITEMS]]
                pairs.append(f"{member}{_ENCODER.encode(items)}")
        return pairs

    def prompt_digest(self, attributes: Attributes, keys: PromptKeys | None = None) -> str | None:
        """Return the keyed digest of the prompt, None where the span carries none.

        `keys`: what `prompt_keys` says of the attributes, where that is known.
        """
        whole, parts = prompt_keys(attributes) if keys is None else keys
        if not whole and not parts:
            return None
        found = self._first(attributes, whole)
        if found is not None:
            return self.digest(found)
        if not parts:
            return None
        return self.digest({key: attributes[key] for key in parts})

    def turn_digest(self, attributes: Attributes, keys: PromptKeys | None = None) -> str | None:
        """Return the keyed digest of a prompt's last turn, None where it has no earlier answer."""
        whole, parts = prompt_keys(attributes) if keys is None else keys
        found = self._first(attributes, whole)
        if found is None and parts:
            found = [{_last(key): attributes[key]} for key in _in_order(parts)]
        if found is None:
            return None
        turn = last_turn(found if isinstance(found, str) else json.dumps(found, default=str))
        return None if turn is None else self.digest(turn)

    def first_digest(self, attributes: Attributes, keys: Sequence[str]) -> str | None:
        """Return the keyed digest of the first of `keys` that holds something, None without."""
        found = self._first(attributes, keys)
        return None if found is None else self.digest(found)

    def digest(self, content: Any) -> str:
        """Return 32 hex digits that are equal for equal content under one key."""
        if not isinstance(content, str):
            content = json.dumps(content, default=str, sort_keys=True)
        raw = content.encode("utf-8", "surrogatepass")
        return blake2b(raw, key=self._key, digest_size=16).hexdigest()

    def _first(self, attributes: Attributes, keys: Sequence[str]) -> Any:
        for key in keys:
            value = attributes.get(key)
            if value not in (None, "", [], {}):
                return value
        return None


def _in_order(keys: Iterable[str]) -> list[str]:
    """Return keys such as `llm.input_messages.10.message.role` in the order of their numbers."""
    return sorted(keys, key=lambda key: [p.zfill(6) for p in key.split(".") if p.isdigit()])


def _last(key: str) -> str:
    return key.rsplit(".", 1)[-1]


def harmless_message(message: str | None) -> str | None:
    """Return the first line of an error message, shortened, with secrets masked."""
    if not message:
        return None
    line = message.strip().split("\n", 1)[0][: 4 * _LONGEST_MESSAGE]
    return _SECRETS.sub("[masked]", line)[:_LONGEST_MESSAGE] or None


def _scalar(item: Any) -> Any:
    """Return a list's item if it is a number or text, None for anything that could hold more."""
    if isinstance(item, str):
        return item[:_LONGEST_TEXT]
    return item if isinstance(item, int) else None


@lru_cache(16_384)
def _member(key: str) -> str:
    return f"{_quoted(key)}:"


_quoted = json.encoder.encode_basestring
_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))
