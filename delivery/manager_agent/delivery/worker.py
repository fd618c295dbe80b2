"""Claim, send, mark: one task that carries messages from the outbox to the notifiers.

At least once: a message is marked only after every notifier has it, so a crash between the two
repeats it. In order: while a notifier is in trouble its messages wait behind the oldest one. A
notifier in trouble holds up none of the others.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from manager_agent.contract.metric import Metric
from manager_agent.delivery import metrics
from manager_agent.delivery.channel import Channel
from manager_agent.delivery.notifier import Failed, Notifier, Outbox, Sent
from manager_agent.delivery.retry import backoff_seconds
from manager_agent.rules.message import Message, Outgoing

CLAIM = 20
"""Messages taken from the outbox at a time."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Wait:
    """One notifier does not have the message yet: when to try again, and why not now."""

    at: datetime
    reason: str


@dataclass(slots=True)
class _Progress:
    """Who is done with a message; kept while it waits for the others, so that nobody repeats."""

    done: set[str] = field(default_factory=set)
    refusals: list[str] = field(default_factory=list)


class Worker:
    """Delivers the messages of `outbox` to every one of `notifiers`.

    `clock` returns now (UTC). `poll_seconds`: how often the outbox is looked at without `wake`.
    `grace_seconds`: how long a message under way may take once `run` is told to stop.
    """

    def __init__(
        self,
        outbox: Outbox,
        notifiers: Sequence[Notifier],
        clock: Callable[[], datetime],
        *,
        poll_seconds: float = 1.0,
        grace_seconds: float = 3.0,
    ) -> None:
        self._outbox = outbox
        self._notifiers = tuple(notifiers)
        self._clock = clock
        self._poll_seconds = poll_seconds
        self._grace_seconds = grace_seconds
        self._channels = {notifier.name: Channel(notifier.name) for notifier in notifiers}
        self._progress: dict[str, _Progress] = {}
        self._counts: Counter[tuple[str, str]] = Counter()
        self._outbox_errors = 0
        self._woken = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Deliver until `stop` is set, then let the message under way finish, for a moment."""
        self._loop = asyncio.get_running_loop()
        delivering = asyncio.create_task(self._deliver_for_ever(stop))
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({delivering, stopping}, return_when=asyncio.FIRST_COMPLETED)
            self._woken.set()
            await asyncio.wait({delivering}, timeout=self._grace_seconds)
        finally:
            self._loop = None
            stopping.cancel()
            delivering.cancel()
            await asyncio.gather(stopping, delivering, return_exceptions=True)

    def wake(self) -> None:
        """Look at the outbox now: there are new messages. May be called from any thread."""
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._woken.set)

    def channels(self) -> list[Channel]:
        """Return how each notifier is doing, in the order given."""
        return list(self._channels.values())

    def metrics(self) -> list[Metric]:
        """Return the numbers of this part. May be called from any thread."""
        pending = self._outbox.outbox_counts().get("pending", 0)
        return metrics.of(dict(self._counts), self.channels(), pending, self._outbox_errors)

    async def deliver_due(self, stop: asyncio.Event | None = None) -> None:
        """Deliver everything that is due, oldest first; return early once `stop` is set.

        Raises what the outbox raises; a notifier's trouble is never raised.
        """
        claimed = CLAIM
        while claimed == CLAIM:
            batch = await asyncio.to_thread(self._outbox.claim, self._clock(), CLAIM)
            claimed = len(batch)
            for outgoing in batch:
                if stop is not None and stop.is_set():
                    return
                await self._deliver(outgoing)

    async def _deliver_for_ever(self, stop: asyncio.Event) -> None:
        failures = 0
        while not stop.is_set():
            self._woken.clear()
            try:
                await self.deliver_due(stop)
                failures = 0
            except Exception:  # a locked or full disk passes, and this task must outlive it
                failures += 1
                self._outbox_errors += 1
                log.exception("outbox_failed", failures_in_a_row=failures)
            wait = backoff_seconds(failures) if failures else self._poll_seconds
            await _event_or_timeout(stop if failures else self._woken, wait)

    async def _deliver(self, outgoing: Outgoing) -> None:
        key = outgoing.message.key
        progress = self._progress.setdefault(key, _Progress())
        waits = []
        for notifier in self._notifiers:
            if notifier.name not in progress.done:
                wait = await self._give(notifier, outgoing, progress)
                waits += [wait] if wait else []
        await self._mark(key, progress, waits)

    async def _mark(self, key: str, progress: _Progress, waits: list[_Wait]) -> None:
        outbox = self._outbox
        if waits:
            first = min(waits, key=lambda wait: wait.at)
            await asyncio.to_thread(outbox.retry, key, first.at, first.reason)
            return
        if progress.refusals:
            reason = "; ".join(progress.refusals)
            await asyncio.to_thread(outbox.give_up, key, self._clock(), reason)
        else:
            await asyncio.to_thread(outbox.sent, key, self._clock())
        self._progress.pop(key, None)

    async def _give(
        self, notifier: Notifier, outgoing: Outgoing, progress: _Progress
    ) -> _Wait | None:
        """Give the message to one notifier; return None once it needs no further try there."""
        name, message = notifier.name, outgoing.message
        channel = self._channels[name]
        if channel.paused_until is not None and channel.paused(self._clock()):
            return _Wait(channel.paused_until, f"{name}: waits its turn; {channel.reason}")
        try:
            outcome = await notifier.send(message)
        except Exception as error:  # noqa: BLE001 - one bad message may not end all delivery
            return self._stumbled(name, outgoing, error)
        channel = channel.after(outcome, self._clock(), tries=outgoing.attempts + 1)
        self._channels[name] = channel
        if isinstance(outcome, Sent):
            self._counts[name, "sent"] += 1
        elif outcome.permanent:
            self._refused(name, message, outcome, progress)
        else:
            return self._put_off(channel, outgoing, outcome)
        progress.done.add(name)
        return None

    def _refused(self, name: str, message: Message, failed: Failed, progress: _Progress) -> None:
        self._counts[name, "refused"] += 1
        progress.refusals.append(f"{name}: {failed.reason}")
        log.error("message_refused", notifier=name, key=message.key, reason=failed.reason)

    def _put_off(self, channel: Channel, outgoing: Outgoing, failed: Failed) -> _Wait:
        self._counts[channel.name, "retried"] += 1
        log.warning(
            "message_put_off",
            notifier=channel.name,
            key=outgoing.message.key,
            reason=failed.reason,
            failures_in_a_row=channel.failures,
            until=str(channel.paused_until),
        )
        at = channel.paused_until or self._later(outgoing)
        return _Wait(at, f"{channel.name}: {failed.reason}")

    def _stumbled(self, name: str, outgoing: Outgoing, error: Exception) -> _Wait:
        """Put off a message that a notifier raised on: its own fault, so the channel goes on."""
        self._counts[name, "error"] += 1
        # The type alone: the text of an unforeseen error may hold anything, a secret too.
        kind = type(error).__name__
        log.error("notifier_raised", notifier=name, key=outgoing.message.key, error=kind)
        return _Wait(self._later(outgoing), f"{name}: raised {kind}")

    def _later(self, outgoing: Outgoing) -> datetime:
        return self._clock() + timedelta(seconds=backoff_seconds(outgoing.attempts + 1))


async def _event_or_timeout(event: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return
