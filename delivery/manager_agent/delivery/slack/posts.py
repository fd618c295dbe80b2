"""Where messages stand in Slack, so that a card can be changed and nothing is posted twice."""

from datetime import datetime
from typing import Protocol


class Posts(Protocol):
    """Where messages stand in Slack, durable; `part` is `card` or `reply`."""

    def trying(self, key: str, target: str, part: str, alert_id: str, now: datetime) -> None:
        """Note that the post is about to be made."""
        ...

    def placed(self, key: str, target: str, part: str, channel: str, ts: str) -> None:
        """Note where it stands."""
        ...

    def forget(self, key: str, target: str, part: str) -> None:
        """Note that it was not made."""
        ...

    def find(
        self, key: str, target: str, part: str
    ) -> tuple[str | None, str | None, datetime] | None:
        """Return channel and name, None where nobody knows, and when it was tried."""
        ...

    def card(self, alert_id: str, target: str) -> tuple[str, str] | None:
        """Return where the card of an alert stands."""
        ...

    def channel(self, target: str) -> str | None:
        """Return the id of a channel that something was posted to."""
        ...


class MemoryPosts:
    """Where messages stand in Slack, gone with the process."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str, str], tuple[str, str | None, str | None, datetime]] = {}

    def trying(self, key: str, target: str, part: str, alert_id: str, now: datetime) -> None:
        """Note that the post is about to be made."""
        self._rows.setdefault((key, target, part), (alert_id, None, None, now))

    def placed(self, key: str, target: str, part: str, channel: str, ts: str) -> None:
        """Note where it stands."""
        alert_id, _, _, tried = self._rows[key, target, part]
        self._rows[key, target, part] = (alert_id, channel, ts, tried)

    def forget(self, key: str, target: str, part: str) -> None:
        """Note that it was not made."""
        del self._rows[key, target, part]

    def find(
        self, key: str, target: str, part: str
    ) -> tuple[str | None, str | None, datetime] | None:
        """Return channel and name, and when it was tried."""
        row = self._rows.get((key, target, part))
        return None if row is None else row[1:]

    def card(self, alert_id: str, target: str) -> tuple[str, str] | None:
        """Return where the card of an alert stands."""
        for (_, where, part), (alert, channel, ts, _) in reversed(self._rows.items()):
            if (where, part, alert) == (target, "card", alert_id) and channel and ts:
                return channel, ts
        return None

    def channel(self, target: str) -> str | None:
        """Return the id of a channel that something was posted to."""
        found = (row[1] for (_, where, _), row in self._rows.items() if where == target and row[1])
        return next(found, None)
