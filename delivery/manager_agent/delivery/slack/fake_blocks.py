"""Slack's published limits of blocks, written down a second time for the fake server.

From https://docs.slack.dev/reference/block-kit; shares no code with what builds the blocks, so that
a slip in one is caught by the other. Lengths are counted in characters.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any

MOST_BLOCKS = 50
_ID = 255
_STYLES = (None, "primary", "danger")
_PLAIN, _ANY = ("plain_text",), ("plain_text", "mrkdwn")


def blocks_fault(blocks: Any) -> str | None:
    """Return what is wrong with `blocks` in Slack's manner (where, and what), or None."""
    if not isinstance(blocks, list):
        return "must be an array"
    if len(blocks) > MOST_BLOCKS:
        return f"no more than {MOST_BLOCKS} items allowed [json-pointer:/blocks]"
    seen: set[str] = set()
    for place, block in enumerate(blocks):
        check = _BLOCKS.get(block.get("type")) if isinstance(block, dict) else None
        wrong = check(block) if check else "unsupported type"
        wrong = wrong or _block_id(block, seen)
        if wrong:
            return f"{wrong} [json-pointer:/blocks/{place}]"
    return None


def _block_id(block: dict[str, Any], seen: set[str]) -> str | None:
    found = block.get("block_id")
    if found is None:
        return None
    if not isinstance(found, str) or not 1 <= len(found) <= _ID or found in seen:
        return "block_id must be unique and have 1 to 255 characters"
    seen.add(found)
    return None


def _text(text: Any, most: int, kinds: Sequence[str] = _ANY) -> str | None:
    if not isinstance(text, dict) or text.get("type") not in kinds:
        return f"text must be an object of type {' or '.join(kinds)}"
    if not isinstance(text.get("text"), str) or not 1 <= len(text["text"]) <= most:
        return f"text must have 1 to {most} characters"
    if "emoji" in text and text["type"] != "plain_text":
        return "emoji is for plain_text"
    if "verbatim" in text and text["type"] != "mrkdwn":
        return "verbatim is for mrkdwn"
    return None


def _only(thing: dict[str, Any], *keys: str) -> str | None:
    unknown = set(thing) - {"type", "block_id", *keys}
    return f"unknown key {sorted(unknown)[0]}" if unknown else None


def _header(block: dict[str, Any]) -> str | None:
    return _only(block, "text", "level") or _text(block.get("text"), 150, _PLAIN)


def _section(block: dict[str, Any]) -> str | None:
    wrong = _only(block, "text", "fields", "accessory", "expand")
    if wrong:
        return wrong
    if "text" not in block and "fields" not in block:
        return "needs text or fields"
    if "text" in block and (wrong := _text(block["text"], 3000)):
        return wrong
    if "fields" in block and (wrong := _several(block["fields"], 10, _field)):
        return wrong
    return _element(block["accessory"]) if "accessory" in block else None


def _several(things: Any, most: int, check: Callable[[Any], str | None]) -> str | None:
    if not isinstance(things, list) or not 1 <= len(things) <= most:
        return f"needs 1 to {most} items"
    return next((wrong for wrong in map(check, things) if wrong), None)


def _field(text: Any) -> str | None:
    return _text(text, 2000)


def _context(block: dict[str, Any]) -> str | None:
    def element(one: Any) -> str | None:
        if isinstance(one, dict) and one.get("type") == "image":
            return _image_element(one)
        return _text(one, 2000)

    return _only(block, "elements") or _several(block.get("elements"), 10, element)


def _actions(block: dict[str, Any]) -> str | None:
    wrong = _only(block, "elements") or _several(block.get("elements"), 25, _element)
    if wrong:
        return wrong
    ids = [one["action_id"] for one in block["elements"] if "action_id" in one]
    return "action_id must be unique" if len(ids) != len(set(ids)) else None


def _element(one: Any) -> str | None:
    kind = one.get("type") if isinstance(one, dict) else None
    if kind == "button":
        return _button(one)
    if kind == "image":
        return _image_element(one)
    return "unsupported element"


def _button(one: dict[str, Any]) -> str | None:
    known = ("text", "action_id", "url", "value", "style", "confirm", "accessibility_label")
    wrong = _only(one, *known) or _text(one.get("text"), 75, _PLAIN)
    if wrong:
        return f"button: {wrong}"
    for key, most in (("action_id", _ID), ("value", 2000), ("accessibility_label", 75)):
        if key in one and not (isinstance(one[key], str) and 1 <= len(one[key]) <= most):
            return f"button: {key} must have 1 to {most} characters"
    if "url" in one and not re.fullmatch(r"https?://\S{1,2990}", str(one["url"])):
        return "button: url must be an address of at most 3000 characters"
    if one.get("style") not in _STYLES:
        return "button: style must be primary or danger"
    return _confirm(one["confirm"]) if "confirm" in one else None


def _confirm(one: Any) -> str | None:
    if not isinstance(one, dict) or set(one) - {"title", "text", "confirm", "deny", "style"}:
        return "confirm: wrong keys"
    parts = (("title", 100, _PLAIN), ("text", 300, _ANY), ("confirm", 30, _PLAIN))
    for key, most, kinds in (*parts, ("deny", 30, _PLAIN)):
        if wrong := _text(one.get(key), most, kinds):
            return f"confirm: {key}: {wrong}"
    return None if one.get("style") in _STYLES else "confirm: style must be primary or danger"


def _image_element(one: dict[str, Any]) -> str | None:
    if not isinstance(one.get("alt_text"), str):
        return "image: needs alt_text"
    return None if one.get("image_url") or one.get("slack_file") else "image: needs a source"


def _image(block: dict[str, Any]) -> str | None:
    wrong = _only(block, "image_url", "slack_file", "alt_text", "title") or _image_element(block)
    if wrong:
        return wrong
    if not 1 <= len(block["alt_text"]) <= 2000 or len(block.get("image_url", "")) > 3000:
        return "image: alt_text has at most 2000 characters, image_url 3000"
    return _text(block["title"], 2000, _PLAIN) if "title" in block else None


def _divider(block: dict[str, Any]) -> str | None:
    return _only(block)


def _rich_text(block: dict[str, Any]) -> str | None:
    return _only(block, "elements") or _several(block.get("elements"), 10_000, _rich_part)


def _rich_part(part: Any) -> str | None:
    kinds = ("section", "list", "preformatted", "quote")
    if not isinstance(part, dict) or part.get("type") not in [f"rich_text_{one}" for one in kinds]:
        return "rich_text: unsupported part"
    return None if isinstance(part.get("elements"), list) else "rich_text: needs elements"


def _table(block: dict[str, Any]) -> str | None:
    wrong = _only(block, "rows", "column_settings") or _several(block.get("rows"), 100, _row)
    if wrong:
        return f"table: {wrong}"
    columns = block.get("column_settings", [])
    if len(columns) > 20:
        return "table: at most 20 column_settings"
    for column in columns:
        if column is not None and column.get("align", "left") not in ("left", "center", "right"):
            return "table: align must be left, center or right"
    return None


def _row(row: Any) -> str | None:
    return _several(row, 20, _cell)


def _cell(cell: Any) -> str | None:
    match cell:
        case {"type": "raw_text", "text": str(text)} if text:
            return None
        case {"type": "rich_text"}:
            return _rich_text(cell)
    return "cell must be raw_text that is not empty, or rich_text"


_BLOCKS: dict[object, Callable[[dict[str, Any]], str | None]] = {
    "header": _header,
    "section": _section,
    "context": _context,
    "actions": _actions,
    "divider": _divider,
    "image": _image,
    "rich_text": _rich_text,
    "table": _table,
}
