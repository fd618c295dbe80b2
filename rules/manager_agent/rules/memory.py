"""Memory: all that survives a tick, and its JSON."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from manager_agent.rules.alert import Alert, Mute
from manager_agent.rules.finding import Finding, Mutes

FORMAT = 2
_TIMES = ("since", "fired", "resolved", "missing")


@dataclass(frozen=True, slots=True)
class Memory:
    """What the rule engine knows from earlier ticks.

    `alerts`: pending, firing, and resolved ones that may come back, ordered by rule and subject.
    `revision`: the highest that any change of an alert was given. `reminded`: when people were last
    reminded of what is open, UTC.
    """

    alerts: tuple[Alert, ...] = ()
    revision: int = 0
    reminded: datetime | None = None

    def to_json(self) -> str:
        """Return the memory as one JSON object, equal for equal memories."""
        alerts = [_plain(alert) for alert in self.alerts]
        said = {"format": FORMAT, "revision": self.revision, "reminded": _text(self.reminded)}
        return json.dumps({**said, "alerts": alerts})

    @staticmethod
    def from_json(text: str) -> "Memory":
        """Return the memory that `to_json` wrote, also that of format 1.

        Raises `ValueError` where it cannot be read.
        """
        document = json.loads(text)
        if not isinstance(document, dict):
            raise ValueError("memory is not a JSON object; restore it from a backup")
        found = document.get("format")
        if found not in (1, FORMAT):
            raise ValueError(
                f"memory has format {found}, this program reads up to {FORMAT}; "
                "start the version that wrote it"
            )
        read = _first if found == 1 else _alert
        try:
            alerts = tuple(read(entry) for entry in document["alerts"])
            return Memory(alerts, document["revision"], _time(document.get("reminded")))
        except KeyError as error:
            raise ValueError(f"memory lacks {error}; restore it from a backup") from error


def _plain(alert: Alert) -> dict[str, Any]:
    entry = asdict(alert)
    finding, mute = entry["finding"], entry["mute"]
    for name in ("hold", "keep"):
        finding[name] = getattr(alert.finding, name).total_seconds()
    finding["until"] = _text(alert.finding.until)
    for said in finding["mutes"]:
        said["linger"] = said["linger"].total_seconds()
    if mute is not None:
        mute |= {"seen": _text(mute["seen"]), "linger": mute["linger"].total_seconds()}
    return entry | {name: _text(getattr(alert, name)) for name in _TIMES}


def _alert(entry: Mapping[str, Any]) -> Alert:
    times = {name: _time(entry[name]) for name in _TIMES}
    told = {"finding": _finding(entry["finding"]), "mute": _mute(entry["mute"])}
    return Alert(**{**entry, **times, **told})


def _first(entry: Mapping[str, Any]) -> Alert:
    """Read an alert of format 1: what fired was told, and nothing was ever muted."""
    finding = {**entry["finding"], "keep": 0, "mutes": ()}
    late = {"missing": None, "mute": None, "peak": entry["told"]}
    return _alert({**entry, **late, "finding": finding})


def _finding(entry: Mapping[str, Any]) -> Finding:
    times = {
        "hold": timedelta(seconds=entry["hold"]),
        "keep": timedelta(seconds=entry["keep"]),
        "until": _time(entry["until"]),
    }
    return Finding(**{**entry, **times, "mutes": tuple(_mutes(one) for one in entry["mutes"])})


def _mutes(entry: Mapping[str, Any]) -> Mutes:
    agents = entry["agents"]
    fields = {
        "agents": None if agents is None else tuple(agents),
        "linger": timedelta(seconds=entry["linger"]),
    }
    return Mutes(**{**entry, **fields})


def _mute(entry: Mapping[str, Any] | None) -> Mute | None:
    if entry is None:
        return None
    seen = datetime.fromisoformat(entry["seen"])
    return Mute(entry["by"], entry["why"], seen, timedelta(seconds=entry["linger"]))


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
