"""Take, send, mark: one task a notifier carries messages to it from the outbox.

At least once: a message is marked only after its notifier has it, so a crash between the two
repeats that one. Each mark is durable, so a restart repeats no other. In order: while a notifier
is in trouble its messages wait behind the oldest one. A notifier in trouble holds up none of the
others.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from manager_agent.contract.metric import Metric
from manager_agent.delivery import metrics
from manager_agent.delivery.channel import Channel
from manager_agent.delivery.digest import fold, is_backlog
from manager_agent.delivery.lane import Lane
from manager_agent.delivery.notifier import Failed, Notifier, Outbox, Sent
from manager_agent.delivery.retry import backoff_seconds
from manager_agent.rules.message import Outgoing

CLAIM = 20
"""Messages taken from the outbox at a time."""

BACKLOG = 500
"""Messages that one digest may stand for."""

log = structlog.get_logger()


class Worker:
    """Delivers the messages of `outbox` to every one of `notifiers`, bare or with a plan.

    `clock` returns now (UTC). `poll_seconds`: how often the outbox is looked at without `wake`.
    `grace_seconds`: how long messages under way may take once `run` is told to stop.
    """

    def __init__(
        self,
        outbox: Outbox,
        notifiers: Sequence[Notifier | Lane],
        clock: Callable[[], datetime],
        *,
        poll_seconds: float = 1.0,
        grace_seconds: float = 3.0,
    ) -> None:
        self._outbox = outbox
        self._lanes = [one if isinstance(one, Lane) else Lane(one) for one in notifiers]
        self._everyone = [lane.name for lane in self._lanes]
        self._clock = clock
        self._poll_seconds = poll_seconds
        self._grace_seconds = grace_seconds
        self._channels = {name: Channel(name) for name in self._everyone}
        self._next: dict[str, datetime] = {}
        self._counts: Counter[tuple[str, str]] = Counter()
        self._outbox_errors = 0
        self._woken = {name: asyncio.Event() for name in self._everyone}
        self._loop: asyncio.AbstractEventLoop | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Deliver until `stop` is set, then let the messages under way finish, for a moment."""
        self._loop = asyncio.get_running_loop()
        tasks = {asyncio.create_task(self._for_ever(lane, stop)) for lane in self._lanes}
        stopping = asyncio.create_task(stop.wait())
        try:
            await stopping
            self._wake_all()
            if tasks:
                await asyncio.wait(tasks, timeout=self._grace_seconds)
        finally:
            self._loop = None
            for task in (stopping, *tasks):
                task.cancel()
            await asyncio.gather(stopping, *tasks, return_exceptions=True)

    def wake(self) -> None:
        """Look at the outbox now: there are new messages. May be called from any thread."""
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._wake_all)

    def release(self) -> list[str]:
        """Try again where a permanent error stopped delivery, since something was changed.

        Returns the notifiers' names. May be called from any thread.
        """
        found = [name for name, one in self._channels.items() if one.health == "stopped"]
        for name in found:
            self._channels[name] = replace(self._channels[name], health="retrying")
        self.wake()
        return found

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
        await asyncio.gather(*(self._deliver(lane, stop) for lane in self._lanes))

    def _wake_all(self) -> None:
        for event in self._woken.values():
            event.set()

    async def _for_ever(self, lane: Lane, stop: asyncio.Event) -> None:
        failures = 0
        woken = self._woken[lane.name]
        while not stop.is_set():
            woken.clear()
            try:
                if not failures:
                    await asyncio.to_thread(self._outbox.settle, self._clock(), self._everyone)
                await self._deliver(lane, stop)
                failures = 0
            except Exception:  # a locked or full disk passes, and this task must outlive it
                failures += 1
                self._outbox_errors += 1
                log.exception("outbox_failed", notifier=lane.name, failures_in_a_row=failures)
            wait = backoff_seconds(failures) if failures else self._poll(lane)
            await _event_or_timeout(stop if failures else woken, wait)

    def _poll(self, lane: Lane) -> float:
        """Return the seconds until the lane is looked at again: when its turn has come."""
        turn = self._next.get(lane.name)
        left = (turn - self._clock()).total_seconds() if turn else 0.0
        return min(left, self._poll_seconds) if left > 0 else self._poll_seconds

    def _idle(self, lane: Lane) -> bool:
        now = self._clock()
        turn = self._next.get(lane.name)
        return self._channels[lane.name].paused(now) or (turn is not None and now < turn)

    async def _deliver(self, lane: Lane, stop: asyncio.Event | None) -> None:
        limit = BACKLOG if lane.digest_after is not None else CLAIM
        while not self._idle(lane):
            due = await asyncio.to_thread(self._outbox.due, lane.name, self._clock(), limit)
            batch = [one for one in due if not await self._kept_back(lane, one)]
            if batch and is_backlog(batch, self._clock(), lane.digest_after):
                await self._give_in_sum(lane, batch)
                continue
            blocked: set[str] = set()
            for outgoing in batch:
                if (stop is not None and stop.is_set()) or self._idle(lane):
                    return
                if outgoing.message.alert_id not in blocked and not await self._give(
                    lane, outgoing, [outgoing.message.key]
                ):
                    blocked.add(outgoing.message.alert_id or outgoing.message.key)
            if len(due) < limit:
                return

    async def _kept_back(self, lane: Lane, outgoing: Outgoing) -> bool:
        """Mark a message that is not for this lane, or not now; return whether it is so."""
        message, now = outgoing.message, self._clock()
        if not lane.wants(message):
            await self._done(lane, [message.key], "skipped", None)
            return True
        until = lane.quiet(message, now)
        if until is None:
            return False
        why = "waits for the end of quiet hours"
        await asyncio.to_thread(self._outbox.hold, message.key, lane.name, until, why)
        return True

    async def _give_in_sum(self, lane: Lane, batch: Sequence[Outgoing]) -> None:
        """Tell a backlog as one message; what is worth telling by itself stays due."""
        folded = fold(batch, self._clock(), lane.has_card)
        if not folded.covered:
            for outgoing in batch:
                if not self._idle(lane):
                    await self._give(lane, outgoing, [outgoing.message.key])
            return
        first = next(one for one in batch if one.message.key in folded.covered)
        # Attempt 0: a digest is never suspected of being what the other side chokes on.
        whole = replace(first, message=folded.digest, attempts=0)
        await self._give(lane, whole, list(folded.covered))

    async def _give(self, lane: Lane, outgoing: Outgoing, keys: list[str]) -> bool:
        """Give a message that stands for `keys`; return whether it needs no further try."""
        name, message = lane.name, outgoing.message
        try:
            outcome = await lane.notifier.send(message)
        except Exception as error:  # noqa: BLE001 - one bad message may not end all delivery
            await self._stumbled(name, outgoing, keys, error)
            return False
        channel = self._channels[name].after(outcome, self._clock(), tries=outgoing.attempts + 1)
        self._channels[name] = channel
        self._next[name] = self._clock() + timedelta(seconds=lane.pace_seconds)
        if isinstance(outcome, Sent):
            self._counts[name, "sent"] += 1
            await self._done(lane, keys, "sent", None)
            return True
        if outcome.permanent and not outcome.stops:
            self._counts[name, "refused"] += 1
            log.error("message_refused", notifier=name, key=message.key, reason=outcome.reason)
            await self._done(lane, keys, "refused", outcome.reason)
            return True
        await self._put_off(channel, outgoing, keys[0], outcome)
        return False

    async def _done(self, lane: Lane, keys: list[str], state: str, error: str | None) -> None:
        now, everyone = self._clock(), self._everyone
        await asyncio.to_thread(self._outbox.done, keys, lane.name, state, now, error, everyone)  # type: ignore[arg-type]

    async def _put_off(
        self, channel: Channel, outgoing: Outgoing, key: str, failed: Failed
    ) -> None:
        self._counts[channel.name, "retried"] += 1
        log.warning(
            "delivery_stopped" if failed.stops else "message_put_off",
            notifier=channel.name,
            key=key,
            reason=failed.reason,
            failures_in_a_row=channel.failures,
            until="something is changed" if failed.stops else str(channel.paused_until),
        )
        at = self._clock() if failed.stops else channel.paused_until or self._later(outgoing)
        await asyncio.to_thread(self._outbox.put_off, key, channel.name, at, failed.reason)

    async def _stumbled(
        self, name: str, outgoing: Outgoing, keys: Sequence[str], error: Exception
    ) -> None:
        """Put off a message that a notifier raised on: its own fault, so the channel goes on."""
        self._counts[name, "error"] += 1
        # The type alone: the text of an unforeseen error may hold anything, a secret too.
        kind = type(error).__name__
        log.error("notifier_raised", notifier=name, key=outgoing.message.key, error=kind)
        at = self._later(outgoing)
        for key in keys:
            await asyncio.to_thread(self._outbox.put_off, key, name, at, f"raised {kind}")

    def _later(self, outgoing: Outgoing) -> datetime:
        return self._clock() + timedelta(seconds=backoff_seconds(outgoing.attempts + 1))


async def _event_or_timeout(event: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return
