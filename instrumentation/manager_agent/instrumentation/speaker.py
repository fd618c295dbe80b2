"""The one thread that speaks with the manager: reports, outcomes and questions out, its word in.

Attempts to connect are made here alone: a manager that is not there costs no call anything.
"""

import os
import random
import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from manager_agent.contract.frame import frames, messages_of
from manager_agent.contract.guard import Bye, FromGuard, FromManager, Hello
from manager_agent.contract.wire_format import WireError
from manager_agent.instrumentation import journal, mishap, reentry
from manager_agent.instrumentation.approvals import Approvals
from manager_agent.instrumentation.bell import Bell
from manager_agent.instrumentation.bounds import Bounds
from manager_agent.instrumentation.breakers import Breakers
from manager_agent.instrumentation.journal import Found
from manager_agent.instrumentation.peer import Channel, Stream
from manager_agent.instrumentation.sender import GaveUpError, UnreachableError
from manager_agent.instrumentation.wallet import Wallet
from manager_agent.instrumentation.wanted import Wanted
from manager_agent.instrumentation.word import Word

METHOD = "/manager_agent.control.v1.Guard/Session"
_MS, _SECOND = 1_000_000, 1_000_000_000
_GATHERED_NS = 2 * _MS
_HEARTBEAT_NS = 3 * _SECOND
_SILENT_NS = 4 * _SECOND
"""How long an answer may take before the manager counts as lost.

Leases are believed for 8 s, and who waits for money, mostly for 5 s, is to be served by then."""
_LOOKED_AFTER_NS = 5 * _SECOND
"""How often one looks after journals of processes of this host that died meanwhile."""
_SPREAD_NS = 100 * _MS
"""Within which a fleet asks for the leases of a new hour, one after another."""
_FIRST_REST, _LONGEST_REST, _SOON = 0.2, 30.0, 1.0
_LEAST_LONGEST_MS, _MOST_LONGEST_MS = 10_000, 600_000


@dataclass(frozen=True, slots=True)
class Subjects:
    """What is spoken of. `expected`: somebody said that there is a manager."""

    word: Word
    bounds: Bounds
    breakers: Breakers
    approvals: Approvals
    version: str
    environment: str
    longest_ms: Callable[[], int]
    expected: bool = True


class Speaker:
    """One connection after another, in a daemon thread that starts with the first `wake`."""

    def __init__(
        self,
        subjects: Subjects,
        connect: Callable[[], Channel],
        clock: Callable[[], int],
    ) -> None:
        """`connect` is called in the thread, since it loads what is heavy."""
        self._on = subjects
        self._word = subjects.word
        self._connect = connect
        self._clock = clock
        self._random = random.Random(os.urandom(8))
        self._channel: Channel | None = None
        self._bell = Bell()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._wanted = Wanted()
        self._asked_ns: int | None = None
        self._woken = False
        self._leaving_ns: int | None = None
        self._failures = 0

    def start(self) -> None:
        """Start the thread, once. Raises `RuntimeError` where the interpreter is about to end."""
        if self._thread is not None:
            return
        with reentry.inside(), self._starting:
            if self._thread is None:
                self._word.link.begin(self._clock())
                thread = threading.Thread(target=self._run, name="manager_agent.guard", daemon=True)
                thread.start()
                self._thread = thread

    def wake(self, agent: str = "") -> None:
        """Ask for a report of an agent soon; from any thread, never blocks."""
        self._wanted.report(agent)
        self._ring()

    def hungers(self, agent: str) -> None:
        """Ask for a report of an agent if it still has little when what has ended is settled.

        "" asks for settling alone. From any thread, never blocks.
        """
        self._wanted.settling(agent)
        self._ring()

    def _ring(self) -> None:
        if self._woken:
            return
        self._woken = True
        channel = self._channel
        if channel is not None:
            channel.wake()
        self._bell.ring()

    def leave(self, seconds: float) -> None:
        """Give back all money, say bye, and end; blocks at most so long."""
        thread = self._thread
        if thread is None or not thread.is_alive():
            return
        self._leaving_ns = self._clock() + int(seconds * _SECOND)
        self._woken = False
        self.wake()
        if self._word.link.up:
            thread.join(seconds)

    def abandon(self) -> None:
        """Let go of what a fork inherited: the connection is the parent's."""
        channel, self._channel = self._channel, None
        if channel is not None:
            channel.abandon()

    def _run(self) -> None:
        while self._leaving_ns is None:
            why = ""
            try:
                self._channel = self._connect()
                self._session(self._channel, self._channel.open(METHOD))
            except (UnreachableError, GaveUpError) as error:
                why = str(error)
            except Exception as error:  # noqa: BLE001 - this thread must outlive the unforeseen
                mishap.note("speaker", "speaking with the manager failed; it is tried again", error)
                why = repr(error)
            self._closed()
            if self._leaving_ns is None:
                self._lost(why)
                self._rest()

    def _closed(self) -> None:
        channel, self._channel = self._channel, None
        try:
            if channel is not None:
                channel.close()
        except Exception as error:  # noqa: BLE001 - a new one is made in any case
            mishap.note("speaker.close", "a connection to the manager cannot be closed", error)

    def _lost(self, why: str) -> None:
        """Let those who wait know, and live on what was granted for such times."""
        if self._word.link.up:
            self._failures = 0
        self._failures += 1
        self._word.link.lost(why)
        if self._on.expected:
            mishap.warn("speaker.lost", f"the manager gives no word on budgets: {why}")
        self._offline()

    def _offline(self) -> None:
        with reentry.inside():
            self._word.settle()
            now_ns = self._clock()
            for wallet in list(self._word.wallets.values()):
                wallet.go_offline(now_ns)

    def _rest(self) -> None:
        """Wait before the next attempt, with full jitter; less long where a call needs it."""
        longest = min(_LONGEST_REST, _FIRST_REST * 2 ** min(self._failures, 10))
        began_ns = self._clock()
        until_ns = began_ns + int(self._random.uniform(0.05, longest) * _SECOND)
        soon_ns = began_ns + int(self._random.uniform(0.05, _SOON) * _SECOND)
        self._woken = False
        while self._leaving_ns is None and (now_ns := self._clock()) < until_ns:
            self._bell.wait(min(until_ns - now_ns, _SECOND) / _SECOND)
            if self._woken:
                self._woken = False
                with reentry.inside():
                    if self._wanted.take(self._word.settle, self._word.wallets):
                        until_ns = min(until_ns, soon_ns)
            self._offline()

    def _session(self, channel: Channel, stream: Stream) -> None:
        """Speak until the stream ends, which raises, or until this process does."""
        session = _Session(self, channel, stream)
        try:
            session.speak()
        finally:
            session.let_go()


class _Session:
    """One stream, from Hello to Bye or to its loss."""

    def __init__(self, speaker: Speaker, channel: Channel, stream: Stream) -> None:
        self._speaker = speaker
        self._on, self._word, self._clock = speaker._on, speaker._word, speaker._clock
        self._wanted = speaker._wanted
        self._channel, self._stream = channel, stream
        self._found: list[Found] = []
        self._heartbeat_ns = _HEARTBEAT_NS
        self._told_ns = self._beat_ns = 0
        self._unanswered_ns: int | None = None
        self._asked_ns: int | None = None
        self._looked_ns = 0
        self._spread_ns = int(speaker._random.uniform(0, _SPREAD_NS))

    def speak(self) -> None:
        """Say hello and go on."""
        with reentry.inside():
            self._word.new_session()
            self._on.breakers.tell_again()
            self._on.approvals.tell_again()
        self._hello()
        self._tell(all_agents=True)
        while self._speaker._leaving_ns is None:
            self._one_round()
        self._bye(self._speaker._leaving_ns)

    def let_go(self) -> None:
        """Leave journals that the manager was not told of to others."""
        for found in self._found:
            found.let_go(told=False)
        self._found = []

    def _one_round(self) -> None:
        now_ns = self._clock()
        self._learn()
        due_ns = self._due_ns()
        if now_ns >= due_ns:
            self._tell(all_agents=now_ns >= self._beat_ns)
            due_ns = self._due_ns()
        if now_ns - self._looked_ns > _LOOKED_AFTER_NS and not self._found:
            self._look_after_the_dead()
        silent_ns = now_ns - (self._unanswered_ns or now_ns)
        if silent_ns > _SILENT_NS:
            raise UnreachableError(f"it has been silent for {silent_ns / _SECOND:.0f} s")
        self._hear(max(0.0, (due_ns - self._clock()) / _SECOND))
        if self._speaker._woken:
            self._speaker._woken = False
            with reentry.inside():
                if self._wanted.take(self._word.settle, self._word.wallets):
                    self._asked_ns = self._asked_ns or self._clock()

    def _due_ns(self) -> int:
        """Return when to report next: asked to, by the heartbeat, or since a window has ended."""
        due_ns = self._beat_ns
        if self._asked_ns is not None:
            due_ns = min(due_ns, self._asked_ns + _GATHERED_NS)
        with reentry.inside():
            for wallet in list(self._word.wallets.values()):
                ends_ns = wallet.ends_ns()
                if ends_ns is not None and ends_ns + self._spread_ns > self._told_ns:
                    due_ns = min(due_ns, ends_ns + self._spread_ns)
        return due_ns

    def _learn(self) -> None:
        if self._on.bounds.wanted():
            self._on.bounds.learn(self._channel.call)
            self._word.link.ring()

    def _hello(self) -> None:
        self._look_after_the_dead(hello=True)

    def _look_after_the_dead(self, hello: bool = False) -> None:
        """Tell of the journals of processes that died here, if there are any, in a Hello."""
        self._looked_ns = self._clock()
        if self._word.state is not None:
            self._found = journal.dead(self._word.state, self._word.boot_id)
        if not hello and not self._found:
            return
        recovered = tuple(report for found in self._found for report in found.reports)
        said = Hello(
            holder=self._word.epoch.holder,
            host=socket.gethostname(),
            boot_id=self._word.boot_id,
            pid=os.getpid(),
            guard_version=self._on.version,
            environment=self._on.environment,
            recovered=recovered,
        )
        self._send([FromGuard(hello=said)], answered=True)

    def _tell(self, all_agents: bool) -> None:
        """Report what was asked for, or all; tell of outcomes and questions."""
        with reentry.inside():
            self._word.settle()
            self._told_ns, self._asked_ns = self._clock(), None
            agents = self._wanted.agents()
            all_agents = all_agents or agents.issuperset(self._word.wallets)
            if all_agents:  # who reports all of it for money needs no heartbeat for a while
                self._beat_ns = self._told_ns + self._heartbeat_ns
            holder = self._word.epoch.holder
            longest_ms = min(max(_LEAST_LONGEST_MS, self._on.longest_ms()), _MOST_LONGEST_MS)
            said: list[FromGuard] = []
            for agent, wallet in list(self._word.wallets.items()):
                if all_agents or agent in agents:
                    reports = wallet.reports(self._told_ns, longest_ms)
                    said += (FromGuard(report=report) for report in reports)
            said += (FromGuard(outcomes=one) for one in self._on.breakers.outcomes(holder))
            said += (FromGuard(question=one) for one in self._on.approvals.questions(holder))
        if said:
            self._send(said, answered=any(one.report for one in said))

    def _send(self, said: Sequence[FromGuard], answered: bool = False) -> None:
        if answered and self._unanswered_ns is None:
            self._unanswered_ns = self._clock()
        self._stream.send(list(frames(said)))

    def _hear(self, seconds: float) -> None:
        came = self._stream.receive(seconds)
        if not came:
            return
        self._unanswered_ns = None
        for payload in came:
            try:
                messages = messages_of(FromManager, payload)
            except WireError as error:
                mishap.note("speaker.decode", "the manager said what cannot be read", error)
                continue
            with reentry.inside():
                for message in messages:
                    self._take(message)
        if not self._word.link.up:
            self._speaker._failures = 0
            self._word.link.heard()
        else:
            self._word.link.ring()

    def _take(self, said: FromManager) -> None:
        word = self._word
        if said.grant is not None:
            wallet = word.wallets.get(said.grant.agent)
            if wallet is not None:
                wallet.take(said.grant, self._clock())
                word.record(wallet)
        elif said.policy is not None:
            word.take_policy(said.policy)
            beats = [one.heartbeat_ms for one in word.policies.values() if one.heartbeat_ms > 0]
            self._heartbeat_ns = min(beats) * _MS if beats else _HEARTBEAT_NS
            self._beat_ns = min(self._beat_ns, self._clock() + self._heartbeat_ns)
        elif said.pauses is not None:
            word.paused.take(said.pauses)
            for found in self._found:  # this answers a Hello, after all of it was stored
                found.let_go(told=True)
            self._found = []
        elif said.breakers is not None:
            self._on.breakers.take(said.breakers)
        elif said.answer is not None:
            self._on.approvals.take(said.answer)
        elif said.fence is not None and said.fence.holder == word.epoch.holder:
            self._begin_anew()

    def _begin_anew(self) -> None:
        """Be somebody new: the manager has given this holder up."""
        self._word.fence()
        self._on.breakers.forget()
        self._on.approvals.tell_again()
        for wallet in list(self._word.wallets.values()):
            self._word.record(wallet)
        self._hello()
        self._tell(all_agents=True)

    def _bye(self, until_ns: int) -> None:
        """Give back what is left, wait until the manager knows, and take leave."""
        wallets = list(self._word.wallets.values())
        with reentry.inside():
            self._word.settle()
            for wallet in wallets:
                wallet.end()
        self._tell(all_agents=True)
        while self._open(wallets) and self._clock() < until_ns:
            self._hear(max(0.0, (until_ns - self._clock()) / _SECOND))
        self._word.link.lost("this process ends")
        with reentry.inside():
            if any(wallet.in_flight() for wallet in wallets):
                return  # its journal tells the next process of this host what was in flight
        self._send([FromGuard(bye=Bye(self._word.epoch.holder))])
        self._stream.close()
        if self._word.journal is not None and not self._open(wallets):
            self._word.journal.end()
            self._word.journal = None

    def _open(self, wallets: Sequence[Wallet]) -> bool:
        """Say whether the manager does not know yet that a lease was given back."""
        with reentry.inside():
            leases = [lease for wallet in wallets for lease in wallet.leases()]
        present = [lease for lease in leases if lease.holder == self._word.epoch.holder]
        return any(not lease.in_flight for lease in present)
