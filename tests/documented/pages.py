"""The pages of the documentation, taken apart: code blocks, commands, links, headings, tables."""

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PAGES = sorted(
    path.relative_to(ROOT).as_posix() for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
)

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_NAME = re.compile(r"`(\w+)`")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: the page it is on, the line its text begins, and the text."""

    page: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


@dataclass(frozen=True, slots=True)
class Command:
    """A line of a shell block as words, with what the lines before it exported."""

    place: str
    words: list[str]
    exports: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.place} {' '.join(self.words)[:60]}"


def blocks(language: str) -> list[Block]:
    """Return all blocks in `language`, page by page."""
    found = []
    for page in PAGES:
        text = (ROOT / page).read_text("utf-8")
        for match in _FENCE.finditer(text):
            if match[1] == language:
                line = text.count("\n", 0, match.start(2)) + 1
                found.append(Block(page, line, match[2]))
    return found


def commands() -> list[Command]:
    """Return every command of every `sh` block; `export` lines become `exports` of the others."""
    found = []
    for block in blocks("sh"):
        exports: dict[str, str] = {}
        for number, line in enumerate(block.text.splitlines(), block.line):
            words = shlex.split(line, comments=True)
            if words[:1] == ["export"]:
                exports |= dict(word.split("=", 1) for word in words[1:])
            elif words:
                found.append(Command(f"{block.page}:{number}", words, dict(exports)))
    return found


def links(page: str) -> list[str]:
    """Return where the links of a page go, code left out."""
    return _LINK.findall(_FENCE.sub("", (ROOT / page).read_text("utf-8")))


def slugs(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as they are made of their text."""
    titles = _HEADING.findall(_FENCE.sub("", page.read_text("utf-8")))
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def columns(page: str) -> dict[str, set[str]]:
    """Return the columns that a page documents, by table: a heading names it, rows list them."""
    found: dict[str, set[str]] = {}
    tables: list[str] = []
    for line in _FENCE.sub("", (ROOT / page).read_text("utf-8")).splitlines():
        if line.startswith("#"):
            tables = _NAME.findall(line) if line.startswith("### ") else []
            found |= {table: set() for table in tables}
        elif line.startswith("| `"):
            for table in tables:
                found[table] |= set(_NAME.findall(line.split("|")[1]))
    return found
