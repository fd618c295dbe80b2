"""`/manager ...`, read into what the REST API is to be asked, or what is wrong with it. Pure."""

import html
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, Literal

from manager_agent.contract.approval import Choice
from manager_agent.contract.breaker_key import breaker_key
from manager_agent.contract.duration import seconds_of

LONGEST_TEXT = 2000

USAGE: Mapping[str, tuple[str, ...]] = {
    "status": ("status",),
    "spend": ("spend [hour|day|month] [AGENT]",),
    "budget": ("budget [AGENT]", "budget set AGENT hourly|daily|monthly USD|none [WHY]"),
    "breaker": ("breaker", "breaker open|close|reset KEY [for 10m] [WHY]"),
    "silence": ("silence", "silence rule=NAME|agent=NAME... for 2h [WHY]", "silence end ID"),
    "approve": ("approve", "approve ID [amount USD for 2h] [WHY]", "approve ID cheaper [WHY]"),
    "deny": ("deny ID [WHY]",),
    "pause": ("pause AGENT [WHY]",),
    "resume": ("resume AGENT [WHY]",),
    "help": ("help",),
}
"""How each command is written; `/manager` comes before it."""

_PERIODS = ("hour", "day", "month")
_LIMITS = {"hourly": "hourly", "hour": "hourly", "daily": "daily", "day": "daily"}
_LIMITS |= {"monthly": "monthly", "month": "monthly"}
_WORD = re.compile(r'(?:[^\s"]|"[^"]*")+')


@dataclass(frozen=True, slots=True)
class Ask:
    """A request of the REST API: `topic` is the command, `path` is not escaped for URLs.

    `writes`: it changes something, for operators only. `done`: how it is told once it is done.
    """

    topic: str
    method: Literal["GET", "POST", "PATCH", "DELETE"]
    path: str
    query: str = ""
    body: Mapping[str, Any] = field(default_factory=dict)
    done: str = ""

    @property
    def writes(self) -> bool:
        """Whether it changes something."""
        return self.method != "GET"


@dataclass(frozen=True, slots=True)
class Say:
    """An answer to an approval, by command; `usd` and `duration` as typed, for `amount`."""

    approval_id: str
    choice: Choice
    usd: str = ""
    duration: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class Help:
    """How commands are written. `wrong`: what was found instead, "" where help was asked for."""

    wrong: str = ""
    topic: str | None = None


Read = Ask | Say | Help


class _WrongError(Exception):
    """What was typed is not right; the message names what was found and what is expected."""


def read(text: str) -> Read:
    """Read what was typed after `/manager`. Never raises: mistakes become `Help`."""
    words = _words(text[:LONGEST_TEXT])
    topic = words[0].lower() if words else "help"
    if topic not in USAGE:
        near = get_close_matches(topic, USAGE, 1)
        meant = f"did you mean `{near[0]}`?" if near else "these are known:"
        return Help(f"there is no command {_shown(topic)}; {meant}", near[0] if near else None)
    try:
        return _READERS[topic](words[1:])
    except (_WrongError, ValueError) as error:
        return Help(str(error), topic)


def _status(words: Sequence[str]) -> Read:
    _nothing_more(words)
    return Ask("status", "GET", "/api/v1/manager/status")


def _help(words: Sequence[str]) -> Read:
    return Help(topic=words[0] if words and words[0] in USAGE else None)


def _spend(words: Sequence[str]) -> Read:
    period = "day"
    if words and words[0].lower() in _PERIODS:
        period, words = words[0].lower(), words[1:]
    _nothing_more(words[1:])
    path = f"/api/v1/agents/{words[0]}/usage" if words else "/api/v1/usage"
    return Ask("spend", "GET", path, f"period={period}")


def _budget(words: Sequence[str]) -> Read:
    if not words or words[0].lower() != "set":
        _nothing_more(words[1:])
        path = f"/api/v1/budgets/{words[0]}" if words else "/api/v1/budgets"
        return Ask("budget", "GET", path)
    agent = _needed(words[1:], "an agent")
    period = _needed(words[2:], "hourly, daily or monthly")
    if period.lower() not in _LIMITS:
        raise _WrongError(f"{_shown(period)} is none of hourly, daily, monthly")
    usd = _needed(words[3:], "dollars, or `none`").lstrip("$").replace(",", "")
    name = f"{_LIMITS[period.lower()]}_limit_usd"
    amount = None if usd.lower() == "none" else usd
    body = {name: amount, **_why(words[4:])}
    said = "without a limit" if amount is None else f"${usd}"
    done = f"{_LIMITS[period.lower()]} budget of {agent}: {said}"
    return Ask("budget", "PATCH", f"/api/v1/budgets/{agent}", body=body, done=done)


def _breaker(words: Sequence[str]) -> Read:
    if not words:
        return Ask("breaker", "GET", "/api/v1/breakers")
    to = words[0].lower()
    if to not in ("open", "close", "reset"):
        raise _WrongError(f"{_shown(words[0])} is none of open, close, reset")
    key = breaker_key(_needed(words[1:], "a breaker's key")).text
    seconds, rest = _for(words[2:])
    if seconds is not None and to == "reset":
        raise _WrongError("a reset holds for no time; leave `for ...` out")
    body = _why(rest) | ({} if seconds is None else {"for_seconds": seconds})
    return Ask(
        *("breaker", "POST", f"/api/v1/breakers/{key}/{to}"),
        body=body,
        done=f"breaker {key}: {to}",
    )


def _silence(words: Sequence[str]) -> Read:
    if not words:
        return Ask("silence", "GET", "/api/v1/silences", "state=active")
    if words[0].lower() == "end":
        name = _needed(words[1:], "a silence's id")
        _nothing_more(words[2:])
        return Ask("silence", "DELETE", f"/api/v1/silences/{name}", done=f"silence {name} ended")
    matchers = [word for word in words[: _place_of_for(words)] if "=" in word]
    rest = words[len(matchers) :]
    seconds, rest = _for(rest)
    if not matchers:
        raise _WrongError(f"{_shown(words[0])} names no alert; write rule=NAME or agent=NAME")
    if seconds is None:
        found = _shown(rest[0]) if rest else "nothing"
        raise _WrongError(f"for how long? found {found}; write it like `for 2h`")
    body = {"matchers": matchers, "for_seconds": seconds, **_why(rest)}
    return Ask("silence", "POST", "/api/v1/silences", body=body, done="silenced")


def _approve(words: Sequence[str]) -> Read:
    if not words:
        return Ask("approve", "GET", "/api/v1/approvals", "state=pending")
    id_, rest = words[0], words[1:]
    how = rest[0].lower() if rest else ""
    if how == "cheaper":
        return Say(id_, "cheaper", why=" ".join(rest[1:]))
    if how != "amount":
        return Say(id_, "once", why=" ".join(rest))
    usd = _needed(rest[1:], "dollars")
    if len(rest) < 4 or rest[2].lower() not in ("for", "until"):
        raise _WrongError("for how long? write it like `amount 5 for 2h`")
    seconds_of(rest[3])
    return Say(id_, "amount", usd, rest[3], " ".join(rest[4:]))


def _deny(words: Sequence[str]) -> Read:
    return Say(_needed(words, "an approval's id"), "deny", why=" ".join(words[1:]))


def _pause(words: Sequence[str], to: str = "pause") -> Read:
    agent = _needed(words, "an agent")
    done = f"agent {agent}: {'paused' if to == 'pause' else 'goes on'}"
    return Ask(to, "POST", f"/api/v1/agents/{agent}/{to}", body=_why(words[1:]), done=done)


_READERS: Mapping[str, Callable[[Sequence[str]], Read]] = {
    "status": _status,
    "help": _help,
    "spend": _spend,
    "budget": _budget,
    "breaker": _breaker,
    "silence": _silence,
    "approve": _approve,
    "deny": _deny,
    "pause": _pause,
    "resume": lambda words: _pause(words, "resume"),
}


def _words(text: str) -> list[str]:
    """Return the words; "several in double quotes" are one. Slack escapes, and makes quotes fine.

    Apostrophes quote nothing: reasons are full of them.
    """
    plain = html.unescape(text).replace("“", '"').replace("”", '"')
    return [word.replace('"', "") for word in _WORD.findall(plain)]


def _for(words: Sequence[str]) -> tuple[float | None, Sequence[str]]:
    """Return the seconds of a leading `for 10m`, and what follows it."""
    if not words or words[0].lower() != "for":
        return None, words
    return seconds_of(_needed(words[1:], "a duration such as 10m")), words[2:]


def _place_of_for(words: Sequence[str]) -> int:
    return next((at for at, word in enumerate(words) if word.lower() == "for"), len(words))


def _why(words: Sequence[str]) -> dict[str, str]:
    return {"why": " ".join(words)} if words else {}


def _needed(words: Sequence[str], what: str) -> str:
    if not words or not words[0]:
        raise _WrongError(f"{what} is missing")
    return words[0]


def _nothing_more(words: Sequence[str]) -> None:
    if words:
        raise _WrongError(f"{_shown(words[0])} is too much")


def _shown(word: str) -> str:
    return f"`{word[:40]}`"
