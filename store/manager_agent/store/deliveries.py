"""The outbox as delivery sees it: each notifier takes what it does not have yet, and says so."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from manager_agent.rules.message import Outgoing
from manager_agent.store.control import ControlStore
from manager_agent.store.control_rows import micros, moment, outgoing


class DeliveryStore:
    """How far each message has come at each notifier; for any thread.

    What a method did is on the disk when it returns. They raise `sqlite3.Error` where the disk
    fails; then nothing was changed.
    """

    def __init__(self, control: ControlStore) -> None:
        self._control = control

    def due(self, notifier: str, now: datetime, limit: int) -> list[Outgoing]:
        """Return at most `limit` messages that `notifier` is to have now, those queued first first.

        None passes an earlier message of its own alert that waits for another try.
        """
        found = {"notifier": notifier, "now_us": micros(now), "limit": limit}
        return [outgoing(*row) for row in self._control.rows("deliveries", "due", **found)]

    def done(
        self,
        keys: Sequence[str],
        notifier: str,
        state: Literal["sent", "refused", "skipped"],
        now: datetime,
        error: str | None,
        everyone: Sequence[str],
    ) -> None:
        """Record that `notifier` needs no further try of these; `everyone`: all notifiers."""
        at = micros(now)
        said = {"notifier": notifier, "state": state, "now_us": at, "error": error}
        marks = [("deliveries", "done", {**said, "key": key}) for key in keys]
        stale = [("deliveries", "supersede", {"notifier": notifier, "key": key}) for key in keys]
        settled = ("deliveries", "settle", {"everyone": json.dumps(list(everyone)), "now_us": at})
        self._control.keep(*marks, *(stale if state == "sent" else []), settled)

    def put_off(self, key: str, notifier: str, at: datetime, error: str) -> None:
        """Make a message due again at `at` after a try that failed because of `error`."""
        said = {"key": key, "notifier": notifier, "due_us": micros(at), "error": error}
        self._control.keep(("deliveries", "put_off", {**said, "tries": 1, "held": 0}))

    def hold(self, key: str, notifier: str, until: datetime, why: str) -> None:
        """Make a message due at `until`; it was not tried."""
        said = {"key": key, "notifier": notifier, "due_us": micros(until), "error": why}
        self._control.keep(("deliveries", "put_off", {**said, "tries": 0, "held": 1}))

    def settle(self, now: datetime, everyone: Sequence[str]) -> None:
        """Close what every notifier that is left has: another may have been taken away."""
        values = {"everyone": json.dumps(list(everyone)), "now_us": micros(now)}
        self._control.keep(("deliveries", "settle", values))

    def outbox_counts(self) -> dict[str, int]:
        """Return the number of messages by state: `pending`, `sent`, `given_up`."""
        return self._control.outbox_counts()


class SlackPosts:
    """Where messages stand in Slack: (channel's id, Slack's name of the post); for any thread."""

    def __init__(self, control: ControlStore) -> None:
        self._control = control

    def trying(self, key: str, target: str, part: str, alert_id: str, now: datetime) -> None:
        """Note that the post is about to be made."""
        said = {"key": key, "target": target, "part": part, "alert_id": alert_id}
        self._control.keep(("slack_posts", "trying", {**said, "now_us": micros(now)}))

    def placed(self, key: str, target: str, part: str, channel: str, ts: str) -> None:
        """Note where it stands."""
        said = {"key": key, "target": target, "part": part, "channel": channel, "ts": ts}
        self._control.keep(("slack_posts", "placed", said))

    def forget(self, key: str, target: str, part: str) -> None:
        """Note that it was not made."""
        self._control.keep(("slack_posts", "forget", {"key": key, "target": target, "part": part}))

    def find(
        self, key: str, target: str, part: str
    ) -> tuple[str | None, str | None, datetime] | None:
        """Return channel and name, both None where nobody knows, and when it was tried."""
        asked = {"key": key, "target": target, "part": part}
        for channel, ts, tried_us in self._control.rows("slack_posts", "find", **asked):
            return channel, ts, moment(tried_us)
        return None

    def card(self, alert_id: str, target: str) -> tuple[str, str] | None:
        """Return where the card of an alert stands."""
        for row in self._control.rows("slack_posts", "card", alert_id=alert_id, target=target):
            return row[0], row[1]
        return None

    def channel(self, target: str) -> str | None:
        """Return the id of a channel that something was posted to."""
        for row in self._control.rows("slack_posts", "channel", target=target):
            return str(row[0])
        return None
