"""Silences: people say that they do not want to hear of some alerts for a while.

Matchers are written as Alertmanager's amtool has them, `agent=~"res.*"`; a regular expression is
matched against the whole, in time linear in its length, since it is tried at every look.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Literal, cast, get_args

import polars as pl

from manager_agent.rules.finding import Finding
from manager_agent.rules.message import Severity

Field = Literal["rule", "agent", "severity"]
Operator = Literal["=", "!=", "=~", "!~"]
SilenceState = Literal["pending", "active", "expired"]

_LONGEST = 200
_WRITTEN = re.compile(r"\s*(\w+)\s*(=~|!~|!=|=)\s*(.*?)\s*", re.DOTALL)
_SAID = re.compile(r"^error: (.+)$", re.MULTILINE)
_EXAMPLE = "write one such as rule=budget, agent=res*, agent=~'a|b' or severity!=critical"


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition: `=` and `!=` compare with a text in which `*` and `?` are wild, `=~` and `!~`
    with a regular expression. An alert of no agent has the agent ''."""

    field: Field
    operator: Operator
    value: str

    @property
    def text(self) -> str:
        """Return it as people write it."""
        return f"{self.field}{self.operator}{self.value}"

    @property
    def exact(self) -> bool:
        """Return whether it names one thing."""
        return self.operator == "=" and not {"*", "?"} & set(self.value)

    def fits(self, finding: Finding) -> bool:
        """Return whether an alert of `finding` is meant."""
        found = {"rule": finding.rule, "agent": finding.agent, "severity": finding.severity}
        pattern = self.value if "~" in self.operator else _of_glob(self.value)
        return _fits(pattern, found[self.field] or "") == ("!" not in self.operator)


def matcher(text: str) -> Matcher:
    """Return the matcher that `text` is. Raises `ValueError`, which says what to write."""
    written = _WRITTEN.fullmatch(text)
    if written is None:
        raise ValueError(f"{text!r} is no matcher; {_EXAMPLE}")
    name, operator, value = written.groups()
    if name not in get_args(Field):
        raise ValueError(f"{text!r}: there is no {name!r}; rule, agent and severity can be matched")
    if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
        value = value[1:-1]
    if len(value) > _LONGEST or not (value.isprintable() or value == ""):
        raise ValueError(f"{text[:50]!r}: at most {_LONGEST} printable characters can be matched")
    found = Matcher(cast(Field, name), cast(Operator, operator), value)
    if "~" in operator:
        _refuse_malformed(value, text)
    elif name == "severity" and found.exact and value not in get_args(Severity):
        raise ValueError(f"{text!r}: a severity is one of {', '.join(get_args(Severity))}")
    return found


@dataclass(frozen=True, slots=True)
class Silence:
    """All `matchers` together, from `starts` until before `ends` (UTC).

    `by`: who made it at `created`, and `why`. `ended_by`: who ended it before its time, if anybody.
    """

    id: str
    matchers: tuple[Matcher, ...]
    starts: datetime
    ends: datetime
    by: str
    why: str
    created: datetime
    ended_by: str = ""

    def covers(self, finding: Finding) -> bool:
        """Return whether an alert of `finding` is meant, whatever the time."""
        return all(one.fits(finding) for one in self.matchers)

    def state(self, now: datetime) -> SilenceState:
        """Return what it is at `now`."""
        if now >= self.ends:
            return "expired"
        return "active" if now >= self.starts else "pending"


def silencing(silences: Iterable[Silence], finding: Finding) -> str:
    """Return the id of the silence that covers `finding` longest, empty where none does."""
    covering = [one for one in silences if one.covers(finding)]
    return max(covering, key=lambda one: (one.ends, one.id)).id if covering else ""


def _of_glob(text: str) -> str:
    return re.escape(text).replace(r"\*", ".*").replace(r"\?", ".")


def _refuse_malformed(pattern: str, text: str) -> None:
    try:
        pl.Series([""]).str.contains(pattern)  # alone: it must not close the group around it
    except pl.exceptions.ComputeError as error:
        said = _SAID.search(str(error))
        why = said[1] if said else "it is too large"
        raise ValueError(f"{text!r} is no regular expression (RE2): {why}") from error


@lru_cache(maxsize=8192)
def _fits(pattern: str, text: str) -> bool:
    """Match the whole; polars' expressions never backtrack, unlike those of `re`."""
    return bool(pl.Series([text]).str.contains(rf"(?s)\A(?:{pattern})\z")[0])
