"""A message for Slack as a page that looks as Slack does, for those who have no Slack at hand.

It reads the JSON that Slack would get, not the card it was made of: what is drawn was sent.
"""

import re
from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

_CODE_BLOCK = re.compile(r"```\n?(.*?)\n?```", re.DOTALL)
_SPAN = re.compile(
    r"`(?P<code>[^`\n]+)`|<!date\^\d+\^[^|>]*\|(?P<date>[^>]*)>|<(?P<url>https?://[^|>]+)\|(?P<words>[^>]*)>"
    r"|\*(?P<bold>[^*\n]+)\*"
)
_ENTITIES = (("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&"))

_STYLE = """
body { margin: 0; padding: 20px; background: #fff; color: #1d1c1d;
  font: 15px/1.46 Lato, 'Liberation Sans', 'Noto Color Emoji', Arial, sans-serif; }
.message { display: flex; gap: 8px; width: 700px; padding: 8px 0 14px; break-inside: avoid; }
.face { flex: none; width: 36px; height: 36px; border-radius: 6px; background: #1f6f5c; color: #fff;
  font-weight: 900; text-align: center; line-height: 36px; }
.said { flex: 1; min-width: 0; overflow-wrap: anywhere; }
.name { font-weight: 900; } .app { font-size: 10px; font-weight: 700; color: #616061;
  background: #ebeaeb; border-radius: 2px; padding: 1px 3px; margin: 0 6px; }
.time { font-size: 12px; color: #616061; }
.header { font-size: 18px; font-weight: 900; margin: 6px 0 4px; }
.section { margin: 4px 0 8px; white-space: pre-wrap; }
.fields { display: grid; grid-template-columns: 1fr 1fr; gap: 8px 16px; margin: 4px 0 10px; }
.fields div { white-space: pre-wrap; min-width: 0; }
.context { font-size: 12px; color: #616061; margin: 4px 0; }
code { font: 12px/1.5 'DejaVu Sans Mono', Menlo, monospace; color: #c01343; background: #f8f8f8;
  border: 1px solid #e2e2e2; border-radius: 3px; padding: 1px 3px; }
pre { font: 12px/1.5 'DejaVu Sans Mono', Menlo, monospace; background: #f8f8f8; margin: 4px 0;
  border: 1px solid #e2e2e2; border-radius: 4px; padding: 8px; white-space: pre-wrap; }
.button { display: inline-block; border: 1px solid #bbb; border-radius: 4px; padding: 4px 12px;
  font-weight: 700; font-size: 13px; margin: 4px 8px 4px 0; background: #fff; }
.primary { background: #007a5a; border-color: #007a5a; color: #fff; }
.danger { background: #e01e5a; border-color: #e01e5a; color: #fff; }
hr { border: 0; border-top: 1px solid #ddd; margin: 8px 0; }
a { color: #1264a3; text-decoration: none; }
""".strip()


def page(payloads: Iterable[Mapping[str, Any]], title: str = "Messages", columns: int = 1) -> str:
    """Return an HTML page of messages, each a mapping with `blocks` as Slack gets it.

    `columns`: how many messages stand side by side. Nothing in it is fetched or executed.
    """
    style = f"{_STYLE}\nmain {{ columns: {columns}; column-gap: 40px; width: {columns * 740}px; }}"
    body = "\n".join(message(payload) for payload in payloads)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{style}</style></head><body><main>\n{body}\n</main></body></html>\n"
    )


def message(payload: Mapping[str, Any]) -> str:
    """Return one message as an element of HTML; blocks of a kind that we never send are named."""
    drawn = "".join(_block(block) for block in payload.get("blocks", []))
    drawn = drawn or f'<div class="section">{_mrkdwn(payload.get("text", ""))}</div>'
    return (
        '<div class="message"><div class="face">M</div><div class="said"><span class="name">'
        f'Manager Agent</span><span class="app">APP</span><div>{drawn}</div></div></div>'
    )


def _block(block: Mapping[str, Any]) -> str:
    kind = block.get("type")
    if kind == "header":
        return f'<div class="header">{_text(block["text"])}</div>'
    if kind == "section":
        text = f'<div class="section">{_text(block["text"])}</div>' if "text" in block else ""
        return text + _fields(block.get("fields", []))
    if kind == "context":
        each = " ".join(_text(one) for one in block["elements"])
        return f'<div class="context">{each}</div>'
    if kind == "actions":
        return f"<div>{''.join(_button(one) for one in block['elements'])}</div>"
    return "<hr>" if kind == "divider" else f'<div class="context">({escape(str(kind))})</div>'


def _fields(fields: Iterable[Mapping[str, Any]]) -> str:
    each = "".join(f"<div>{_text(one)}</div>" for one in fields)
    return f'<div class="fields">{each}</div>' if each else ""


def _button(one: Mapping[str, Any]) -> str:
    style = one.get("style") if one.get("style") in ("primary", "danger") else ""
    return f'<span class="button {style}">{_text(one["text"])}</span>'


def _text(text: Mapping[str, Any]) -> str:
    return _mrkdwn(text["text"]) if text["type"] == "mrkdwn" else _plain(text["text"])


def _mrkdwn(text: str) -> str:
    """Return Slack's markup as HTML: blocks of code, spans of code, bold words, dates, links."""
    drawn, place = [], 0
    for found in _CODE_BLOCK.finditer(text):
        drawn += [_spans(text[place : found.start()]), f"<pre>{_plain(found.group(1))}</pre>"]
        place = found.end()
    return "".join([*drawn, _spans(text[place:])])


def _spans(text: str) -> str:
    drawn, place = [], 0
    for found in _SPAN.finditer(text):
        drawn += [_plain(text[place : found.start()]), _span(found)]
        place = found.end()
    return "".join([*drawn, _plain(text[place:])])


def _span(found: re.Match[str]) -> str:
    if found["code"] is not None:
        return f"<code>{_plain(found['code'])}</code>"
    if found["date"] is not None:
        return _plain(found["date"])
    if found["url"] is not None:
        return f'<a href="{escape(found["url"])}">{_plain(found["words"])}</a>'
    return f"<b>{_plain(found['bold'])}</b>"


def _plain(text: str) -> str:
    """Return text of Slack, with its three entities, as text of HTML."""
    for entity, char in _ENTITIES:
        text = text.replace(entity, char)
    return escape(text)
