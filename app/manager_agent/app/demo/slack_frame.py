"""A message in the frame of a chat: the very blocks that Slack gets, drawn on a terminal."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from manager_agent.delivery.slack.blocks import blocks
from manager_agent.delivery.wording import card
from manager_agent.rules.message import Message

COLORS = {"critical": "red", "warning": "yellow", "info": "blue", "resolved": "green"}
COLUMNS = 3  # Slack has two; a terminal is wide and not high
_MARKUP = re.compile(r"\*(?P<bold>[^*\n]+)\*|`(?P<code>[^`\n]+)`|<!date\^[^|>]*\|(?P<date>[^>]*)>")
_ENTITIES = (("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&"))


def slack_frame(message: Message) -> Panel:
    """Return `message` as it looks in the channel."""
    shown = card(message)
    color = COLORS.get(shown.severity, "white")
    parts = [_block(block.to_dict()) for block in blocks(shown)]
    title = Text("Manager Agent", style="bold")
    return Panel(Group(*parts), box=box.HEAVY, border_style=color, title=title, title_align="left")


def mrkdwn(markup: str) -> Text:
    """Return Slack's markup as styled text: bold, code, dates; entities become characters."""
    text, end = Text(), 0
    for match in _MARKUP.finditer(markup):
        text.append(_plain(markup[end : match.start()]))
        style = {"bold": "bold", "code": "magenta", "date": ""}[match.lastgroup or "date"]
        text.append(_plain(match[match.lastgroup or "date"]), style)
        end = match.end()
    return text.append(_plain(markup[end:]))


def _block(block: Mapping[str, Any]) -> RenderableType:
    if block["type"] == "header":
        return Text(_plain(block["text"]["text"]), style="bold")
    if block["type"] == "context":
        text = mrkdwn("  ".join(element["text"] for element in block["elements"]))
        text.stylize("dim")
        return text
    return _fields(block["fields"]) if "fields" in block else mrkdwn(block["text"]["text"])


def _fields(fields: Sequence[Mapping[str, Any]]) -> Table:
    """Return the facts side by side, each a label above its value."""
    grid = Table.grid(padding=(0, 4, 0, 0))
    cells = [mrkdwn(field["text"]) for field in fields]
    for start in range(0, len(cells), COLUMNS):
        grid.add_row(*cells[start : start + COLUMNS])
    return grid


def _plain(text: str) -> str:
    for entity, character in _ENTITIES:
        text = text.replace(entity, character)
    return text
