"""`manager-agent rules test`."""

import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from manager_agent.app.options import Json, told
from manager_agent.app.replay.cases import Case, Cases, CasesError, read
from manager_agent.app.replay.outcome import alerts_of
from manager_agent.app.replay.ticks import Ticks, replay
from manager_agent.app.replay.verdict import Verdict, judged
from manager_agent.app.replay.watching import watch_of
from manager_agent.app.rule_settings import rule_problems
from manager_agent.app.settings import Settings, parse
from manager_agent.rules.registry import rules_from
from manager_agent.rules.rule import Rule, name_of


def run_tests(
    file: Annotated[Path, typer.Argument(help="Tests of rules: see docs/rules-testing.md.")],
    as_json: Json = False,
) -> None:
    """Run your tests of rules: given this usage, these alerts fire, and no others.

    Exit code 1 where one fails; what differs is told.
    """
    with told(CasesError):
        verdicts = [_verdict(file, cases, case) for cases in [read(file)] for case in cases.tests]
    if as_json:
        print(json.dumps([{**asdict(each), "passed": each.passed} for each in verdicts]))
    else:
        for line in _lines(verdicts):
            print(line)
    if not all(each.passed for each in verdicts):
        raise typer.Exit(1)


def _verdict(file: Path, cases: Cases, case: Case) -> Verdict:
    from manager_agent.analytics.history import History
    from manager_agent.app.replay.given import length, past

    settings = _settings(file, cases, case)
    start = case.start or cases.start
    rules = _chosen(f"{file}: {case.name}", settings, case.rules or cases.rules)
    watch = watch_of(settings, rules)
    every = timedelta(seconds=settings.monitoring.check_interval_seconds)
    ticks = Ticks(start, start + length(case), every)
    with closing(past(case, start)) as con:
        done = replay(History(con, ticks.since, ticks.until), watch, ticks)
    broken = [f"rule {name} broke: {error}" for name, error in sorted(done.failed.items())]
    return judged(case.name, case.alerts, alerts_of(done.alerts), start, broken)


def _chosen(place: str, settings: Settings, names: Sequence[str]) -> list[Rule]:
    known = {name_of(rule): rule for rule in rules_from(settings.rules)}
    strangers = [name for name in names if name not in known]
    if strangers:
        raise CasesError(
            f"{place}: rules: there is no rule {strangers[0]!r}; there are {', '.join(known)}"
        )
    return [known[name] for name in names or known]


def _settings(file: Path, cases: Cases, case: Case) -> Settings:
    """Return the configuration of a test: its own keys over the file's, over its `config`."""
    written: dict[str, Any] = {}
    if cases.config is not None:
        path = file.parent / cases.config
        try:
            written = yaml.safe_load(path.read_text("utf-8")) or {}
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise CasesError(f"{file}: config: {path} cannot be read: {error}") from error
    text = yaml.safe_dump({**written, **cases.settings, **case.settings}).encode()
    return parse(text, f"{file}: {case.name}: settings", {}, rule_problems)


def _lines(verdicts: list[Verdict]) -> Iterator[str]:
    for each in verdicts:
        yield f"{'ok  ' if each.passed else 'FAIL'} {each.name}"
        yield from (f"     expected, did not fire: {line}" for line in each.missing)
        yield from (f"     fired, not expected:    {line}" for line in each.unexpected)
        yield from (f"     {line}" for line in each.broken)
    failed = sum(not each.passed for each in verdicts)
    yield f"{len(verdicts) - failed} passed, {failed} failed"
