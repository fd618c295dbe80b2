"""Which channel a message goes to, whom it mentions, and when it is held back. Pure."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from fnmatch import fnmatchcase
from zoneinfo import ZoneInfo

from manager_agent.rules.message import Message, Severity

TIMELESS = frozenset({"approval"})
"""Kinds that are of no use later: quiet hours do not hold them."""


@dataclass(frozen=True, slots=True)
class Route:
    """Messages of these severities, agents (patterns) and kinds (patterns) go to `channel`.

    An empty tuple stands for all. `mention`: whom to mention as it fires and is critical: `here`,
    `channel`, a user's id `U...` or a user group's `S...`.
    """

    channel: str
    severities: tuple[Severity, ...] = ()
    agents: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    mention: tuple[str, ...] = ()

    def takes(self, message: Message) -> bool:
        """Return whether the message is for this route."""
        return (
            (not self.severities or message.severity in self.severities)
            and (not self.agents or _matches(message.agent or "", self.agents))
            and (not self.kinds or _matches(message.kind, self.kinds))
        )


@dataclass(frozen=True, slots=True)
class Quiet:
    """From `start` to `end` (in `zone`; past midnight where end is not later) these are held."""

    start: time
    end: time
    zone: ZoneInfo
    severities: frozenset[Severity] = frozenset({"info", "warning"})

    def until(self, message: Message, now: datetime) -> datetime | None:
        """Return when (in `zone`) the message may go, None where that is now."""
        if message.severity not in self.severities or message.kind in TIMELESS:
            return None
        local = now.astimezone(self.zone)
        clock = local.time().replace(tzinfo=None)
        if self.start < self.end:
            quiet = self.start <= clock < self.end
        else:
            quiet = clock >= self.start or clock < self.end
        if not quiet:
            return None
        day = local.date() + timedelta(days=clock >= self.end)
        return datetime.combine(day, self.end, self.zone)


def channels(routes: Sequence[Route], default: str) -> list[str]:
    """Return every channel that something may go to, the default first, each once."""
    return list(dict.fromkeys([default, *(route.channel for route in routes)]))


def wanted(routes: Sequence[Route], default: str, channel: str) -> Callable[[Message], bool]:
    """Return which messages go to `channel`: those of its routes; to the default what has none."""

    def wants(message: Message) -> bool:
        taken = [route.channel for route in routes if route.takes(message)]
        return channel in (taken or [default])

    return wants


def mentions(routes: Sequence[Route], channel: str, message: Message) -> str:
    """Return Slack's markup for whom to mention in `channel`, empty where nobody is."""
    if message.severity != "critical" or message.state != "firing":
        return ""
    taken = [one for one in routes if one.channel == channel and one.takes(message)]
    return " ".join(dict.fromkeys(markup(name) for one in taken for name in one.mention))


def markup(name: str) -> str:
    """Return a configured name as a mention. Raises ValueError for what is none of Slack's."""
    plain = name.removeprefix("@").removeprefix("!")
    if plain in ("here", "channel"):
        return f"<!{plain}>"
    if re.fullmatch(r"[UW][A-Z0-9]{2,20}", plain):
        return f"<@{plain}>"
    if re.fullmatch(r"S[A-Z0-9]{2,20}", plain):
        return f"<!subteam^{plain}>"
    raise ValueError(f"{name!r} is nobody; write here, channel, a user's or group's id")


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
