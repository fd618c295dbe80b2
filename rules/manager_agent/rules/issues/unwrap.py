"""What an error says once the wrappings of SDKs, gateways and JSON bodies are taken off."""

import re
from functools import lru_cache

_LONGEST = 2_000
_SAID = re.compile(
    r"""\\*["'](?:message|error_message|msg|detail|Message|errorMessage)\\*["']\s*:\s*\\*(["'])"""
    r"""((?:\\.|(?!\1).)*)"""
)
_ERROR_TEXT = re.compile(r"""["']error["']\s*:\s*(["'])((?:\\.|(?!\1).)*)""")
_CODE = re.compile(
    r"""\\*["'](?:code|type|status|__type)\\*["']\s*:\s*\\*["']([\w.#/ -]{3,60})\\*["']"""
)
_STATUS = re.compile(
    r"(?:\bHTTP(?:/\d(?:\.\d)?)?(?: error)?|\bstatus(?:[ _]?code)?|\berror(?:[ _]code)?|\bcode"
    r"|^|\breturned|\bresponse)[\s:=('\"]{0,4}([45]\d\d)\b(?![.\d])",
    re.IGNORECASE,
)
_CODED = re.compile(r"[45]\d\d\b(?![.\d])")
"""What a status looks like: most texts have no such number, and are not searched for words."""
_CALLED = re.compile(
    r"^(?:[\w.]*(?:Error|Exception|Timeout|Warning|Exit|Interrupt|Exceeded|Fault|Unavailable"
    r"|Exhausted|Refused|Failure))(?:\(\s*['\"]?|\s*:\s*(?=\S)|\s+-\s+)"
)
_CAMEL = re.compile(r"^(?:\w+\.)*[A-Z][a-z0-9]+(?:[A-Z][a-z0-9]+)+(?:\(['\"]|:\s+)")
_PROVIDER = re.compile(r"^(?:[A-Z]\w*Exception|\w+Provider)\s*-\s*")
_NUMBERED = re.compile(
    r"^(?:error code|status[_ ]code|http(?: error| status)?)\s*[:=]?\s*\d{3}\s*[-,:]?\s*"
    r"(?:\([\w ]+\)\s*)?",
    re.IGNORECASE,
)
_GENERIC = ("provider returned error", "error", "upstream error", "internal error")


_DIGITS = str.maketrans("123456789", "000000000")
_NAMES = re.compile(
    r"(?<![A-Za-z0-9])(?:(?=[a-fA-F]*[0-9])[0-9a-fA-F]{8,}|(?=[A-Za-z]*[0-9])[A-Za-z0-9]{12,})"
    r"(?![A-Za-z0-9])"
)
"""Ids of letters and digits: of requests, organizations, traces. All of them are masked later."""


@lru_cache(2048)
def alike(text: str) -> str:
    """Return a text with a 0 for each digit, and for each letter of an id.

    What differs in numbers and ids alone is looked at once: the rest is remembered by this.
    """
    return _NAMES.sub(_zeros, text[:_LONGEST]).translate(_DIGITS)


def _zeros(match: re.Match[str]) -> str:
    return "0" * len(match[0])


@lru_cache(8192)
def said(text: str) -> str:
    """Return the sentence inside an error's text: the body's message, without class and status.

    Bodies that were cut off in the middle are read as far as they go.
    """
    text = text[:_LONGEST].strip()
    found = [match[2] for match in _SAID.finditer(text)]
    own = [each for each in found if each.strip().lower().rstrip(".") not in _GENERIC]
    if own:
        return _bare(_unescaped(max(own, key=len)))
    named = _ERROR_TEXT.search(text)
    if named and named[2].strip():
        return _bare(_unescaped(named[2]))
    return _bare(text)


@lru_cache(8192)
def codes(text: str) -> frozenset[str]:
    """Return the words for machines in a body: `insufficient_quota`, `ThrottlingException`."""
    return frozenset(match[1] for match in _CODE.finditer(text[:_LONGEST]))


def status_in(text: str) -> int | None:
    """Return the HTTP status that a text tells, None without."""
    text = text[:_LONGEST]
    found = _STATUS.search(text) if _CODED.search(text) else None
    return int(found[1]) if found else None


def _bare(text: str) -> str:
    """Take off what SDKs put before a message, one after the other: class, provider, status."""
    text = text.strip()
    for _ in range(6):
        shorter = text
        for wrapping in (_CALLED, _CAMEL, _PROVIDER, _NUMBERED):
            cut = wrapping.sub("", shorter, count=1)
            shorter = cut if cut.strip() else shorter
        if shorter == text:
            break
        text = shorter.strip()
    return text


def _unescaped(text: str) -> str:
    return text.replace("\\n", " ").replace('\\"', '"').replace("\\'", "'").replace("\\\\", "\\")
