"""Text that came from agents, made fit to be shown: cleaned, and shortened at a sound place."""

import re
import unicodedata

from manager_agent.delivery.redact import masked

ELLIPSIS = "…"

WORD_LIMIT = 80
"""Longest word or name that is shown whole, in characters."""

_ESCAPE_SEQUENCE = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[PX^_][^\x1b]*(?:\x1b\\)?|.?)"
    r"|\x9b[0-?]*[ -/]*[@-~]",
    re.DOTALL,
)
# Controls move the cursor, formats turn the reading direction, surrogates cannot be encoded.
_UNFIT = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})

# What loses its meaning when cut: a code span, Slack's markup, an entity, a number with its sign.
_ATOM = re.compile(
    r"`[^`\n]*`|<[^<>\n]*>|&(?:amp|lt|gt);|[-+]?\$?\d(?:[\d.,:]*\d)?(?: ?%)?|.", re.DOTALL
)


def clean(text: str) -> str:
    """Return `text` on one line, without secrets and what a terminal or a chat would act on."""
    if text.isprintable():  # as nearly all text is: nothing in it to take out
        return masked(" ".join(text.split()))
    without = _ESCAPE_SEQUENCE.sub("", text)
    fit = "".join(
        " " if char.isspace() else char if unicodedata.category(char) not in _UNFIT else ""
        for char in without
    )
    return masked(" ".join(fit.split()))


def lines(text: str) -> list[str]:
    """Return the lines of `text`, each cleaned as a sentence is, without those that are empty."""
    return [one for one in map(sentence, text.splitlines()) if one]


def sentence(text: str) -> str:
    """Return `text` cleaned, no word of it endless, so that a long name hides no number."""
    return " ".join(shorten(word, WORD_LIMIT) for word in clean(text).split(" "))


def shorten(text: str, limit: int) -> str:
    """Return `text` with at most `limit` characters, never cut inside a number or a code span."""
    if len(text) <= limit:
        return text
    kept: list[str] = []
    room = limit - len(ELLIPSIS)
    for found in _ATOM.finditer(text):
        atom = found.group()
        room -= len(atom)
        if room < 0:
            break
        kept.append(atom)
    return "".join(_whole_words(kept)).rstrip() + ELLIPSIS


def _whole_words(atoms: list[str]) -> list[str]:
    """Drop the last piece of a word where a space is near; leave an endless word as it is."""
    for back in range(1, min(len(atoms), 20)):
        if atoms[-back] == " ":
            return atoms[:-back]
    return atoms
