"""The manager as one process: every part built, wired, started, and stopped in order."""

import asyncio
import gc
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from sys import setswitchinterval
from time import monotonic, time_ns

import structlog
from polars import DataFrame

from manager_agent.analytics.frame_source import FrameSource
from manager_agent.analytics.install import install
from manager_agent.api.sql import SqlRunner
from manager_agent.app import delivering
from manager_agent.app.alerting import own_rules, remind
from manager_agent.app.archiving import archiving, kept
from manager_agent.app.budget_desk import BudgetDesk
from manager_agent.app.budget_settings import budget_policy, conduct, thresholds
from manager_agent.app.call_costs import Cost
from manager_agent.app.clocks import Clocks
from manager_agent.app.drops import Drops
from manager_agent.app.event_mirror import EventMirror
from manager_agent.app.front import Doors, Ports, doors, opened
from manager_agent.app.issue_desk import IssueDesk
from manager_agent.app.issue_mirror import IssueMirror
from manager_agent.app.loop_stops import LoopStops
from manager_agent.app.manager import Commits, Manager, now
from manager_agent.app.mirror import AlertMirror
from manager_agent.app.outcomes import SpanOutcomes
from manager_agent.app.outlook import answered, services
from manager_agent.app.own_frames import OwnFrames
from manager_agent.app.own_rules import OwnRules
from manager_agent.app.people import people
from manager_agent.app.reporting import report_desk
from manager_agent.app.reports.chart import chart
from manager_agent.app.run_frame import Runs
from manager_agent.app.schedule import due_again
from manager_agent.app.settings import Settings, custom_prices
from manager_agent.app.suggesting import Suggesting
from manager_agent.app.tick import Ticker
from manager_agent.app.troubles import troubles
from manager_agent.app.truth import truth
from manager_agent.app.version import VERSION
from manager_agent.control.authority import Authority
from manager_agent.control.clerk import Clerk
from manager_agent.control.service import ControlService
from manager_agent.control.session import GuardService
from manager_agent.prices.book import PriceBook
from manager_agent.receiver.call import Call
from manager_agent.receiver.changes import CallVersion
from manager_agent.receiver.content import Door
from manager_agent.receiver.cost import costed
from manager_agent.receiver.entrance import Entrance
from manager_agent.receiver.intake import Intake
from manager_agent.receiver.patience import Patience
from manager_agent.receiver.sink import Limits
from manager_agent.rules.registry import rules_from, unusable
from manager_agent.store.control import ControlStore
from manager_agent.store.control_audit import Audit
from manager_agent.store.digest_key import digest_key
from manager_agent.store.duck import FactStore
from manager_agent.store.issues import IssueStore
from manager_agent.store.journal import JOURNAL, Journal
from manager_agent.store.ledger import LedgerStore
from manager_agent.store.people import PeopleStore
from manager_agent.store.room import Room
from manager_agent.store.sealing import Sealer
from manager_agent.store.silences import SilenceStore
from manager_agent.store.snapshot import SnapshotError, Snapshots

_log = structlog.get_logger()

_MIB = 2**20
_DELIVERED_KEPT = timedelta(days=30)
_TURN_SECONDS = 0.001
"""How long one thread keeps the interpreter while another waits for it. A request needs it some ten
times until it is answered; the threads that read and store would keep it for Python's own 5 ms."""


class DataDirError(Exception):
    """The data directory cannot be made or used; the message names it and what to do."""


@dataclass(frozen=True, slots=True)
class Stores:
    """What keeps the facts, and who keeps what of the control file."""

    facts: FactStore
    control: ControlStore
    ledger: LedgerStore
    people: PeopleStore
    issues: IssueStore


async def serve(settings: Settings, ports: Ports, announce: Callable[[str], None]) -> None:
    """Run the manager until SIGTERM or SIGINT; `announce` gets the line that says `ready`.

    Raises what `doors` raises, `DataDirError`, `StoreError`, `ControlStoreError` or
    `DigestKeyError` before anything is served.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    with doors(settings, ports) as found, _built(settings) as manager:
        _calm_collector()
        setswitchinterval(_TURN_SECONDS)
        await _run(manager, found, stop, announce)


def _calm_collector() -> None:
    """Collect cycles of few records at once, and of all hardly ever: all threads stand still then.

    The window holds millions of small records and makes no cycles. A collection of the middle
    generation looks at 20,000 of them (10 ms); of 250,000 it took 0.1 s, and as long for each. One
    of everything takes seconds and is due after 250 million new ones.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 1, 12_500)


@contextmanager
def _built(settings: Settings) -> Iterator[Manager]:
    """Yield every part but the servers, the intake at work; close all in reverse order."""
    directory = settings.data_dir
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise DataDirError(
            f"--data-dir {directory} cannot be used ({error.strerror}); name a directory that may"
            " be written, or one that can be made"
        ) from error
    with ExitStack() as stack:
        receiver = settings.receiver
        secret = digest_key(directory / "digest.key")
        door = Door(
            secret,
            keep=receiver.keep_attributes,
            capture=receiver.capture_content,
        )
        checkpoint_mib = settings.storage.checkpoint_mib
        facts = FactStore(
            directory / "manager.duckdb", door, install, checkpoint_mib=checkpoint_mib
        )
        stack.callback(facts.close)
        state = directory / "control.sqlite"
        stores = Stores(
            facts,
            stack.enter_context(ControlStore(state)),
            stack.enter_context(LedgerStore(state)),
            stack.enter_context(PeopleStore(state)),
            stack.enter_context(IssueStore(state)),
        )
        manager = _wired(settings, stores, door, secret)
        manager.clerk.start()
        stack.callback(manager.clerk.stop)
        manager.truth.start()
        stack.callback(manager.truth.stop)
        manager.outcomes.start()
        stack.callback(manager.outcomes.stop)
        manager.intake.start()
        stack.callback(manager.sql.close)
        stack.callback(manager.own.close)
        stack.callback(manager.suggesting.close)
        stack.callback(manager.intake.stop)
        yield manager


def _wired(settings: Settings, stores: Stores, door: Door, secret: bytes) -> Manager:
    facts, control = stores.facts, stores.control
    commits = Commits()
    room = Room(settings.data_dir, settings.storage.min_free_mib, monotonic)
    book = PriceBook(custom_prices(settings), settings.prices.discounts)
    price = partial(costed, book=book)
    intake = _entrance(settings, facts, door, price, commits, room)
    worker = delivering.worker(settings, control, chart)
    snapshots = Snapshots(settings.data_dir / "snapshot", facts.cursor, now, lambda: commits.seq)
    suggesting = Suggesting(snapshots.publish, book)
    ticker, own, silences = _ticker(settings, facts, control, snapshots, worker.wake)
    ticker.issues = issue_desk = IssueDesk(stores.issues, lambda: ticker.policy, now)
    now_us = time_ns() // 1000
    authority = Authority(stores.ledger, ticker.policy, now_us)
    beside = people(settings, stores.people, authority, worker.wake, now_us)
    clerk = Clerk(
        *(authority, conduct(settings), beside.seats(), ticker.follow),
        now_us=lambda: time_ns() // 1000,
    )
    telling = truth(settings, facts, clerk, lambda: ticker.policy, now)
    ticker.ledger, ticker.act = telling.ledger, LoopStops(clerk.ask).act
    ticker.breakers = lambda: beside.breakers.views
    outcomes = SpanOutcomes(clerk.tell, time_ns)
    outcomes.costs, ticker.runs = _runs(facts)
    manager = Manager(
        settings=settings,
        facts=facts,
        control=control,
        intake=intake,
        ticker=ticker,
        silences=silences,
        own=own,
        mirror=AlertMirror(control, facts),
        events=EventMirror(Audit(control), facts),
        issues=issue_desk,
        issue_mirror=IssueMirror(stores.issues, issue_desk, facts),
        desk=BudgetDesk(clerk),
        commits=commits,
        worker=worker,
        snapshots=snapshots,
        sealer=_sealer(settings, facts, intake, commits, snapshots),
        sql=SqlRunner(),
        price=price,
        room=room,
        agents=ControlService(book, now, secret),
        clerk=clerk,
        people=beside,
        truth=telling,
        outcomes=outcomes,
        reports=report_desk(
            settings, facts, control, suggesting, lambda: ticker.policy, worker.wake
        ),
        suggesting=suggesting,
        slack=bool(settings.slack.webhook_url or settings.slack.bot_token),
    )
    _watch_itself(manager)
    return manager


def _runs(
    facts: FactStore,
) -> tuple[Callable[[Sequence[Cost]], None], Callable[[datetime], DataFrame]]:
    """Return who is told what calls cost, and who gives the frame of what runs cost."""
    runs = Runs()
    with closing(facts.cursor()) as cursor:
        runs.recall(cursor, now())
    return runs.note, runs.frame


def _sealer(
    settings: Settings, facts: FactStore, intake: Entrance, commits: Commits, snapshots: Snapshots
) -> Sealer:
    def write(job: Callable[[], None]) -> None:
        intake.between_commits(job).result()
        commits.add()

    return Sealer(facts, write, now, kept(settings), snapshots.archive_in_use)


def _watch_itself(manager: Manager) -> None:
    """Have the rules see what only a running manager knows, and breakers what spans tell."""
    clocks, drops = Clocks(time_ns), Drops(manager.intake.counts.all)

    def called(versions: Sequence[CallVersion]) -> None:
        manager.outcomes.note(versions)
        clocks.note(versions)

    manager.facts.called = called
    own = OwnFrames(clocks, drops, manager.people.told, lambda: troubles(manager))
    manager.ticker.own = own.beside


def _ticker(
    settings: Settings,
    facts: FactStore,
    control: ControlStore,
    snapshots: Snapshots,
    wake: Callable[[], None],
) -> tuple[Ticker, OwnRules, SilenceStore]:
    """Return what looks at the rules, the rules that are SQL beside it, and the silences."""
    silences = SilenceStore(control)
    ticker = Ticker(
        *(facts.cursor, control, rules_from(settings.rules), budget_policy(settings), wake),
        thresholds=thresholds(settings),
        source=FrameSource(told=True),
        unusable=unusable(),
        remind=remind(settings),
        silences=silences.all,
    )
    facts.touched = ticker.source.note
    own = own_rules(settings, snapshots, ticker.evaluations)
    ticker.beside = own.beside
    return ticker, own, silences


def _entrance(
    settings: Settings,
    facts: FactStore,
    door: Door,
    price: Callable[[Call], Call],
    commits: Commits,
    room: Room,
) -> Entrance:
    limits = Limits(
        pending_bytes=settings.receiver.max_pending_mib * _MIB,
        window_ns=int(settings.receiver.merge_window_seconds * 10**9),
        most_spans=settings.receiver.max_window_spans,
    )
    intake = Intake(
        *(facts, door, price, time_ns), limits=limits, committed=commits.add, closed=room.closed
    )
    most_mib = settings.receiver.journal_mib
    journal = Journal(settings.data_dir / JOURNAL) if most_mib else None
    patience = Patience(
        seconds=settings.receiver.journal_after_ms / 1000, most_bytes=most_mib * _MIB
    )
    return Entrance(intake, journal, patience, closed=room.closed)


async def _run(
    manager: Manager, found: Doors, stop: asyncio.Event, announce: Callable[[str], None]
) -> None:
    guards = GuardService(manager.clerk, found.receiver.tokens)
    seen, answers = answered(manager, services(manager, found.api.tokens, guards))
    front = await opened(found, manager.settings, manager.intake, seen, (manager.agents, guards))
    tasks = [
        asyncio.create_task(_ticking(manager, stop)),
        asyncio.create_task(_publishing(manager, stop)),
        asyncio.create_task(manager.own.run(stop, _look_seconds(manager), now)),
        asyncio.create_task(archiving(manager.sealer, stop)),
        asyncio.create_task(manager.reports.run(stop, now)),
        asyncio.create_task(manager.worker.run(stop)),
    ]
    if answers is not None:
        answers.start()
    announce(front.ready)
    _log.info("serving", data_dir=str(manager.settings.data_dir), version=VERSION)
    await stop.wait()
    _log.info("stopping")
    guards.close()
    if answers is not None:
        await asyncio.to_thread(answers.stop)
    await front.stop()
    await asyncio.gather(*tasks)
    await asyncio.to_thread(manager.intake.stop)
    await asyncio.to_thread(manager.truth.stop)
    await asyncio.to_thread(manager.outcomes.stop)
    await asyncio.to_thread(manager.clerk.stop)


async def _ticking(manager: Manager, stop: asyncio.Event) -> None:
    """Run the rules on their schedule; a failed look is told, counted and taken again."""
    while not stop.is_set():
        began = monotonic()
        try:
            await asyncio.to_thread(manager.ticker.tick, now())
            await _copy_alerts(manager)
            await asyncio.to_thread(manager.control.prune, now() - _DELIVERED_KEPT)
        except Exception as error:  # noqa: BLE001 - the schedule must outlive a full disk
            manager.ticker.failures += 1
            _log.error("a look at the rules failed", error=repr(error))
        await due_again(stop, _look_seconds(manager), began)


def _look_seconds(manager: Manager) -> float:
    return manager.settings.monitoring.check_interval_seconds


async def _copy_alerts(manager: Manager) -> None:
    """Copy what changed of alerts, issues, control to where SQL sees it; raises what stores raise.

    After every look, so that what a crash or a full disk kept back is made up for.
    """

    def copy() -> None:
        if manager.mirror.copy() + manager.events.copy() + manager.issue_mirror.copy():
            manager.commits.add()

    done = manager.intake.between_commits(copy)
    await asyncio.wait([asyncio.wrap_future(done)])
    if not done.cancelled():
        done.result()


async def _publishing(manager: Manager, stop: asyncio.Event) -> None:
    """Publish a snapshot now and then where something changed."""
    every = manager.settings.storage.snapshot_seconds
    began = monotonic() - every / 2  # between the looks: either takes memory for itself
    while not stop.is_set():
        try:
            current = manager.snapshots.current
            if current is None or current.seq < manager.snapshots.changes():
                await asyncio.to_thread(manager.snapshots.publish, now())
        except SnapshotError as error:
            _log.error("no snapshot was published", error=str(error))
        await due_again(stop, every, began)
        began = monotonic()
