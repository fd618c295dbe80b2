"""Settling calls that have ended: most of them a little later, many together.

A call that was answered whole and well is only lined up by its caller; what is known of it by then
is that it cost no more than is held for it anyway. It is settled

- by the thread that sends its span, and wants to know what was charged for it,
- by the speaker, before it tells the manager anything,
- by whoever finds no money: first what has ended gives back what it did not use,
- by its own caller, where the line is long.

Until then all that was reserved for it stays reserved, as for a call in flight: in the lease, in
the journal, in what the manager is told. So nothing can be spent twice meanwhile, whoever dies.
Everything else is settled at once, after what ended before it: a failure counts as one in a row.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from manager_agent.instrumentation import mishap, reentry
from manager_agent.instrumentation.absence import Absence
from manager_agent.instrumentation.approvals import Approvals
from manager_agent.instrumentation.bound import Fields
from manager_agent.instrumentation.bounds import Bounds
from manager_agent.instrumentation.breakers import Breakers
from manager_agent.instrumentation.call import Ended
from manager_agent.instrumentation.charge import Charge, Reservation
from manager_agent.instrumentation.receipt import Receipt, receipt_of
from manager_agent.instrumentation.wallet import Wallet
from manager_agent.instrumentation.word import Word

MOST = 128
"""Calls in line; who makes it longer settles two of them."""
_SOON = MOST // 2
"""At this length the speaker is asked to settle them: it does while callers wait for answers."""
_MOST_BYTES = 1 << 18
"""Bytes of request and answer that one of them may hold on to."""
_TOGETHER = 64
"""Calls settled without letting another thread go first."""
_MOST_MODELS = 512


@dataclass(frozen=True, slots=True)
class Parts:
    """What a guard is made of."""

    word: Word
    bounds: Bounds
    breakers: Breakers
    approvals: Approvals
    absence: Absence


Held = tuple[Wallet | None, Reservation, Fields]
"""What one call holds; without a wallet it passes with nobody there to ask. A tuple for speed."""
_Line = deque[tuple[Ended, Held]]


class Settlement:
    """Safe in threads, coroutines, finalizers, signal handlers; each call is settled exactly once.

    `prompt`: settle everything at once.
    """

    def __init__(self, parts: Parts, clock: Callable[[], int]) -> None:
        """`clock`: that of the wallets."""
        self._word, self._bounds, self._breakers = parts.word, parts.bounds, parts.breakers
        self._approvals, self._absence = parts.approvals, parts.absence
        self._clock = clock
        self._longest_ns = 0
        self._models: set[str | None] = set()
        self.after_fork()

    def after_fork(self) -> None:
        """Begin anew in a child: what its parent's calls cost is its parent's to settle."""
        self.prompt = False
        self._drain = self.drain
        self._line: _Line = deque()
        self._settling = threading.RLock()  # a signal's handler may call a model in the midst of it

    @property
    def longest_ms(self) -> int:
        """Return how long a call of this process took at most, in milliseconds."""
        return self._longest_ns // 1_000_000

    def settle(self, ended: Ended, held: Held | None) -> Receipt | None:
        """Settle a call at once and return what was charged for it, or line it up."""
        if held is not None and self._can_wait(ended, held):
            ended.settle = self._drain
            line = self._line
            line.append((ended, held))
            # Looked at again, for who lines up for money looks at what is in line after that.
            if held[0]._waiting or len(line) >= _SOON:  # type: ignore[union-attr]
                self._shorten(held)
            return None
        if self._line:
            self.drain()
        return self._settled(ended, held)

    def drain(self) -> None:
        """Settle what is in line, and return when it is, by whichever thread."""
        outermost, more = reentry.enter(), True
        try:
            while more:
                with self._settling:
                    more = self._some(_TOGETHER)
        finally:
            if outermost:
                reentry.leave()

    def _can_wait(self, ended: Ended, held: Held) -> bool:
        """Say whether nothing is to be learned of a call at once, and nobody waits for its money.

        The first of a model never waits: by its answer it is known which tier serves it.
        """
        wallet, answer = held[0], ended.unread
        if answer is None or wallet is None or wallet._waiting or self.prompt:
            return False
        if ended.status != 200 or ended.ending != "whole" or not self._breakers.quiet:
            return False
        ask = ended.ask
        known = (ask.asked.model or ask.endpoint.model) in self._models
        return known and answer.is_sound(_MOST_BYTES)

    def _shorten(self, held: Held) -> None:
        wallet = held[0]
        if wallet is not None and wallet.waited_for:
            self.drain()
        elif len(self._line) >= MOST:
            with reentry.inside(), self._settling:
                self._some(2)
        elif len(self._line) == _SOON:
            self._word.settle_soon()

    def _some(self, most: int) -> bool:
        """Settle the first in line, under the lock; say whether there may be more."""
        line, spent, epoch = self._line, self._bounds.spent, self._word.epoch.holder
        ended_well: list[Ended] = []
        note = ended_well.append
        charges: dict[Wallet | None, list[Charge]] = {}
        last: Wallet | None = None
        several: list[Charge] = []
        sound = True
        try:
            for _ in range(most):
                ended, (wallet, held, bound) = line.popleft()
                note(ended)
                try:
                    told = ended.counted
                    if told.error_type is not None:
                        sound = False
                    nano, tokens, estimated = spent(ended, told, bound)
                except Exception as error:  # noqa: BLE001 - the others are to be settled
                    ended.receipt = None
                    mishap.note("settlement", "a call could not be settled", error)
                    continue
                if wallet is not last:
                    last, several = wallet, charges.setdefault(wallet, [])
                charge = held, nano, tokens, estimated, epoch
                several.append(charge)
                ended.charged = charge
            return True
        except IndexError:
            return False
        finally:  # whatever interrupts this: what has left the line is settled
            now_ns = self._clock()
            for each, its in charges.items():
                if each is not None:  # as always: who has none is settled at once
                    each.settle_all(its, now_ns)
            self._learn(ended_well)
            self._breakers.answered(ended_well, sound)

    def _learn(self, several: Sequence[Ended]) -> None:
        """Take note of how long calls took, and of what they were approved by."""
        longest_ns = self._longest_ns
        for ended in several:
            took_ns = ended.ended_ns - ended.ask.started_ns
            if took_ns > longest_ns:
                self._longest_ns = longest_ns = took_ns
        if self._approvals.any:
            for ended in several:
                self._approvals.ended(ended)

    def _settled(self, ended: Ended, held: Held | None) -> Receipt | None:
        self._breakers.ended(ended)
        if held is None:  # nobody decided about it: the policy failed, say
            self._bounds.ended(ended)
            self._approvals.ended(ended)
            return None
        model = ended.ask.asked.model or ended.ask.endpoint.model
        if len(self._models) < _MOST_MODELS:
            self._models.add(model)
        return self._charged(ended, held)

    def _charged(self, ended: Ended, held: Held) -> Receipt | None:
        """Charge a call what it cost, or is thought to have cost."""
        self._learn((ended,))
        wallet, reservation, bound = held
        nano, tokens, estimated = self._bounds.spent(ended, ended.counted, bound)
        now_ns = self._clock()
        if wallet is None:
            self._absence.settle(nano or None, tokens, now_ns)
            return None
        wallet.settle(reservation, nano, tokens, now_ns, estimated)
        return receipt_of((reservation, nano, tokens, estimated, self._word.epoch.holder))
