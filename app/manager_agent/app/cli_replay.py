"""`manager-agent rules replay`."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Annotated

import duckdb
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from manager_agent.app.configured import settings_from
from manager_agent.app.options import Config, DataDir, Json, told
from manager_agent.app.replay import snapshot
from manager_agent.app.replay.outcome import alerts_of, paired
from manager_agent.app.replay.report import Report, as_json, as_text
from manager_agent.app.replay.ticks import Ticks, Watch
from manager_agent.app.replay.watching import watch_of
from manager_agent.app.settings import Settings
from manager_agent.contract.duration import seconds_of
from manager_agent.contract.window import PERIODS, window
from manager_agent.rules.registry import rules_from
from manager_agent.rules.rule import Rule, name_of

_EXACT = timedelta(days=2)
_STRIDE = timedelta(minutes=10)


class ReplayError(Exception):
    """What was asked for cannot be replayed; the message says why and what to do."""


def replay(
    since: Annotated[
        str, typer.Option(help="From when: so long before the end (30d, 12h), or a time in UTC.")
    ] = "30d",
    until: Annotated[
        str | None, typer.Option(help="Until when, likewise; the last that is known by default.")
    ] = None,
    rule: Annotated[
        list[str] | None, typer.Option("--rule", help="Only this rule; repeatable.")
    ] = None,
    exact: Annotated[
        bool, typer.Option("--exact", help="Look at every moment, however many there are.")
    ] = False,
    config: Config = None,
    data_dir: DataDir = None,
    as_json_: Json = False,
) -> None:
    """Run the rules over what is stored, as if live: what would have fired, beside what did.

    With another --config: before you switch it on. Looks are as far apart as the manager's
    (monitoring.check_interval_seconds). Over more than two days it looks every ten minutes, and at
    every moment between where something changed; --exact looks at all. Reads the published
    snapshot; nothing is sent or stored. In the list, = fired live too, + would be new, - would not
    fire any more. What breakers would have refused is judged by the calls that went out.
    """
    with told(snapshot.NoPastError, ReplayError):
        settings = settings_from(config, data_dir)
        watch = watch_of(settings, _chosen(settings, rule))
        report = _replayed(settings, watch, since, until, exact=exact, quiet=as_json_)
    if as_json_:
        print(json.dumps(as_json(report)))
        return
    for line in as_text(report):
        print(line)


def _chosen(settings: Settings, names: list[str] | None) -> list[Rule]:
    rules = rules_from(settings.rules)
    if not names:
        return rules
    known = {name_of(each): each for each in rules}
    strangers = [name for name in names if name not in known]
    if strangers:
        raise ReplayError(
            f"--rule {strangers[0]}: there is no such rule; there are {', '.join(sorted(known))}"
        )
    return [known[name] for name in names]


def _replayed(
    settings: Settings,
    watch: Watch,
    since: str,
    until: str | None,
    *,
    exact: bool,
    quiet: bool,
) -> Report:
    from manager_agent.analytics.blocked import blocked
    from manager_agent.analytics.history import History
    from manager_agent.app.replay.ticks import replay as run

    with snapshot.snapshot(settings.data_dir) as con:
        ticks = _ticks(settings, con, since, until, exact=exact)
        history = History(con, ticks.since, ticks.until)
        with _progress(len(ticks), quiet=quiet) as passed:
            done = run(history, watch, ticks, passed)
        live = snapshot.fired_between(con, ticks.since, ticks.until)
        low = min(window(period, ticks.since, settings.zone).start for period in PERIODS)
        calls = snapshot.spent_calls(con, low, ticks.until)
        names = {name_of(rule) for rule in watch.rules}
        return Report(
            since=ticks.since,
            until=ticks.until,
            every_seconds=ticks.every.total_seconds(),
            looks=done.looks,
            moments=len(ticks),
            calls=history.calls,
            pairs=paired(
                alerts_of(done.alerts),
                [each for each in live if each.rule in names],
                ticks.until,
                slack=max(2 * ticks.every, timedelta(minutes=2)),
            ),
            blocked=blocked(calls, watch.policy, ticks.since) if "budget" in names else [],
            failed=done.failed,
            openings=done.openings if "circuit_breaker" in names else (),
        )


def _ticks(
    settings: Settings,
    con: duckdb.DuckDBPyConnection,
    since: str,
    until: str | None,
    *,
    exact: bool,
) -> Ticks:
    known = snapshot.known_until(con)
    first = snapshot.first_call(con)
    if first is None:
        raise ReplayError(f"{settings.data_dir} holds no calls yet; there is nothing to replay")
    end = min(known, known if until is None else _moment("--until", until, known))
    every = timedelta(seconds=settings.monitoring.check_interval_seconds)
    start = _moment("--since", since, end)
    start += max(0, -((start - first) // every)) * every  # on the same marks, from the first call
    if start >= end:
        raise ReplayError(
            f"--since {since} is not before the end, {end:%Y-%m-%d %H:%M} UTC; calls are known from"
            f" {first:%Y-%m-%d %H:%M} to {known:%Y-%m-%d %H:%M} UTC"
        )
    sparse = end - start > _EXACT and not exact
    return Ticks(start, end, every, stride=max(1, _STRIDE // every) if sparse else 1)


def _moment(option: str, text: str, end: datetime) -> datetime:
    """Return a moment written as a time (UTC where it says nothing), or as so long before `end`."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        try:
            return end - timedelta(seconds=seconds_of(text))
        except (ValueError, OverflowError) as error:
            raise ReplayError(
                f"{option} {text!r} must be a duration such as 30d or 12h, or a time in UTC such as"
                " 2026-11-01T08:00"
            ) from error
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


@contextmanager
def _progress(total: int, *, quiet: bool) -> Iterator[Callable[[int], None]]:
    console = Console(stderr=True)
    columns = (TextColumn("replaying"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"))
    shown = console.is_terminal and not quiet
    with Progress(*columns, TimeRemainingColumn(), console=console, disable=not shown) as bar:
        task = bar.add_task("replay", total=total)
        yield lambda number: bar.update(task, completed=number)
