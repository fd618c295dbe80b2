"""Memory: all that survives a tick, and its JSON."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from manager_agent.rules.alert import Alert
from manager_agent.rules.finding import Finding

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Memory:
    """What the rule engine knows from earlier ticks.

    `alerts`: pending, firing, and resolved ones that may come back, ordered by rule and subject.
    `revision`: the highest that any change of an alert was given.
    """

    alerts: tuple[Alert, ...] = ()
    revision: int = 0

    def to_json(self) -> str:
        """Return the memory as one JSON object, equal for equal memories."""
        alerts = [_plain(alert) for alert in self.alerts]
        return json.dumps({"format": FORMAT, "revision": self.revision, "alerts": alerts})

    @staticmethod
    def from_json(text: str) -> "Memory":
        """Return the memory that `to_json` wrote. Raises `ValueError` where it cannot be read."""
        document = json.loads(text)
        if not isinstance(document, dict):
            raise ValueError("memory is not a JSON object; restore it from a backup")
        if document.get("format") != FORMAT:
            raise ValueError(
                f"memory has format {document.get('format')}, this program reads {FORMAT}; "
                "start the version that wrote it"
            )
        try:
            alerts = tuple(_alert(entry) for entry in document["alerts"])
            return Memory(alerts, document["revision"])
        except KeyError as error:
            raise ValueError(f"memory lacks {error}; restore it from a backup") from error


def _plain(alert: Alert) -> dict[str, Any]:
    entry = asdict(alert)
    finding = entry["finding"]
    finding["hold"] = alert.finding.hold.total_seconds()
    finding["until"] = _text(alert.finding.until)
    return entry | {name: _text(getattr(alert, name)) for name in ("since", "fired", "resolved")}


def _alert(entry: Mapping[str, Any]) -> Alert:
    finding = dict(entry["finding"])
    finding["hold"] = timedelta(seconds=finding["hold"])
    finding["until"] = _time(finding["until"])
    times = {name: _time(entry[name]) for name in ("since", "fired", "resolved")}
    return Alert(**{**entry, **times, "finding": Finding(**finding)})


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
