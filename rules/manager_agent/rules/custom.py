"""Rules that are a question in SQL, written in the configuration: each row is something wrong."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
)

from manager_agent.contract.duration import seconds_of
from manager_agent.rules.finding import Finding
from manager_agent.rules.message import Fact, Severity
from manager_agent.rules.registry import CUSTOM, known, unusable

MOST_ROWS = 100
"""Rows of an answer that are taken: more wrong things at a time help nobody."""

_NAME = re.compile(r"[a-z][a-z0-9_]{0,49}")
_PLACE = re.compile(r"\{(\w+)\}")
_LONGEST = 500
_AGENT, _SUBJECT = "agent", "subject"


def _span(value: object) -> object:
    """Read a duration such as 5m; a number is seconds."""
    if isinstance(value, str):
        return timedelta(seconds=seconds_of(value))
    if isinstance(value, bool) or not isinstance(value, int | float | timedelta):
        raise ValueError("must be a duration such as 5m")
    return value


Span = Annotated[timedelta, BeforeValidator(_span), Field(ge=timedelta(0), le=timedelta(days=30))]


class SqlRule(BaseModel):
    """A rule that is a SELECT. Each row that it answers is something wrong."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    name: str
    """What it is called in alerts, such as `night_spend`: small letters, digits and `_`."""
    sql: Annotated[str, Field(min_length=1, max_length=20_000)]
    """One SELECT on the tables of docs/sql.md. The column `agent` says whose it is; `subject`, else
    the first column that is text, tells one thing from another; the rest is evidence."""
    message: Annotated[str, Field(min_length=1, max_length=_LONGEST)]
    """The sentence that people read; `{column}` stands for a column's value."""
    severity: Severity = "warning"
    """info, warning or critical."""
    hold: Span = Field(default=timedelta(0), alias="for")
    """How long it must stay wrong before people are told, such as 5m."""
    keep: Span = timedelta(0)
    """How long it must be gone before it counts as over."""
    tell_resolved: bool = False
    """Whether people are told when it is over."""
    enabled: bool = True
    """Whether it runs."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the SELECT answered: `columns`, which of them are `texts`, and `rows` as JSON has them.

    `truncated`: there were more rows.
    """

    columns: Sequence[str]
    texts: Collection[str]
    rows: Sequence[Sequence[Any]]
    truncated: bool = False


def custom_rules(written: object) -> list[SqlRule]:
    """Return the rules under `rules.custom`. Raises `CustomRuleError` with all that is wrong."""
    if written is None:
        return []
    if not isinstance(written, Sequence) or isinstance(written, str):
        raise CustomRuleError([f"rules.{CUSTOM}: must be a list of rules, found {written!r}"])
    problems: list[str] = []
    rules: list[SqlRule] = []
    for number, one in enumerate(written):
        try:
            rules.append(TypeAdapter(SqlRule).validate_python(one))
        except ValidationError as error:
            problems += _problems(number, error)
    problems += _wrong_names(rules)
    if problems:
        raise CustomRuleError(problems)
    return rules


class CustomRuleError(ValueError):
    """What is written under `rules.custom` cannot be used; `problems` holds a sentence for each."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


def unknown_places(rule: SqlRule, columns: Collection[str]) -> list[str]:
    """Return the placeholders of a rule's message that are none of its columns."""
    return [place for place in _PLACE.findall(rule.message) if place not in columns]


def findings_of(rule: SqlRule, answer: Answer) -> tuple[list[Finding], str | None]:
    """Return a finding for each row, and what is wrong with the answer, None where nothing is."""
    unknown = unknown_places(rule, answer.columns)
    if unknown:
        known_ = ", ".join(answer.columns)
        return [], f"the message has {{{unknown[0]}}}, which is none of the columns {known_}"
    found: dict[str, Finding] = {}
    fault = f"it answers more than {MOST_ROWS} rows; only these count" if answer.truncated else None
    for row in answer.rows[:MOST_ROWS]:
        finding = _finding(rule, dict(zip(answer.columns, row, strict=True)), answer.texts)
        if finding.subject in found:
            fault = fault or (
                f"two rows are of {finding.subject!r}; SELECT a `subject` that tells them apart"
            )
        found.setdefault(finding.subject, finding)
    return list(found.values()), fault


def _finding(rule: SqlRule, row: Mapping[str, Any], texts: Collection[str]) -> Finding:
    agent = row.get(_AGENT)
    subject = _subject(row, texts)
    facts = {name: _fact(value) for name, value in row.items()}
    return Finding(
        rule=rule.name,
        subject=subject,
        agent=None if agent is None else str(agent)[:_LONGEST],
        severity=rule.severity,
        title=f"{rule.name}: {subject}" if subject else rule.name,
        headline=_PLACE.sub(lambda place: _shown(facts[place[1]]), rule.message),
        evidence=facts,
        hold=rule.hold,
        keep=rule.keep,
        tell_resolved=rule.tell_resolved,
    )


def _subject(row: Mapping[str, Any], texts: Collection[str]) -> str:
    """Return what tells a row from others: `subject`, else its agent and its first other text."""
    if _SUBJECT in row:
        return str(_fact(row[_SUBJECT]))
    others = [name for name in row if name in texts and name != _AGENT]
    names = [name for name in (_AGENT, *others[:1]) if name in row]
    return "|".join(str(_fact(row[name])) for name in names)


def _fact(value: Any) -> Fact:
    if value is None or isinstance(value, bool | int | float):
        return value
    return str(value)[:_LONGEST]


def _shown(fact: Fact) -> str:
    """Return a value for people; what is unknown says so."""
    if isinstance(fact, float):
        return f"{round(fact, 4):,}"
    if isinstance(fact, int) and not isinstance(fact, bool):
        return f"{fact:,}"
    return "unknown" if fact is None else str(fact)


def _problems(number: int, error: ValidationError) -> Iterable[str]:
    keys = ", ".join(field.alias or name for name, field in SqlRule.model_fields.items())
    for one in error.errors():
        path = ".".join(map(str, ["rules", CUSTOM, number, *one["loc"]]))
        if one["type"] == "extra_forbidden":
            yield f"{path}: there is no such key; there are {keys}"
        elif one["type"] == "missing":
            yield f"{path}: is missing"
        else:
            yield f"{path}: {one['msg'].removeprefix('Value error, ')}, found {one['input']!r:.100}"


def _wrong_names(rules: Sequence[SqlRule]) -> Iterable[str]:
    taken = {*known(), *unusable(), CUSTOM}
    for rule in rules:
        if not _NAME.fullmatch(rule.name):
            yield (
                f"rules.{CUSTOM}: {rule.name!r:.60} is no name; write small letters, digits and _,"
                " a letter first"
            )
        elif rule.name in taken:
            yield f"rules.{CUSTOM}: there is a rule {rule.name} already; choose another name"
        taken.add(rule.name)
