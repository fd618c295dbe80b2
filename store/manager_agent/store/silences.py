"""Silences in the control database; each that is made or ended stands in the audit, too."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from manager_agent.control.rows import Event
from manager_agent.rules.silence import Silence, matcher
from manager_agent.store.control import ControlStore
from manager_agent.store.control_rows import micros, moment
from manager_agent.store.ledger import stored
from manager_agent.store.ledger_rows import query_of, values


class SilenceStore:
    """Keeps silences, for any thread. What a method did is on the disk when it returns; they raise
    `KeeperError` where the disk fails, and then nothing was changed."""

    def __init__(self, control: ControlStore) -> None:
        self._control = control

    def all(self) -> list[Silence]:
        """Return every silence, the one that began last first; also those that are over."""
        with stored():
            return [_silence(row) for row in self._control.rows("silences", "silences")]

    def add(self, silence: Silence) -> None:
        """Keep a new silence."""
        kept = {
            "id": silence.id,
            "matchers": json.dumps([one.text for one in silence.matchers], ensure_ascii=False),
            "starts_us": micros(silence.starts),
            "ends_us": micros(silence.ends),
            "by": silence.by,
            "why": silence.why,
            "created_us": micros(silence.created),
        }
        event = Event(
            *(micros(silence.created), "silence", silence.id, None, _said(silence)),
            *(silence.by, silence.why or None),
        )
        with stored():
            self._control.keep(("silences", "add", kept), _recorded(event))

    def end(self, id: str, now: datetime, by: str) -> Silence | None:
        """End a silence before its time and return it; None where there is none, or it is over."""
        found = next((one for one in self.all() if one.id == id), None)
        if found is None or found.state(now) == "expired":
            return None
        after = replace(found, ends=max(now, found.created), ended_by=by)
        event = Event(micros(now), "unsilence", id, _said(found), _said(after), by, None)
        ended = {"id": id, "now_us": micros(now), "by": by}
        with stored():
            self._control.keep(("silences", "end", ended), _recorded(event))
        return after


def _recorded(event: Event) -> tuple[str, str, Any]:
    return ("ledger", query_of(event), values(event))


def _said(silence: Silence) -> dict[str, Any]:
    """Return what the audit says of a silence."""
    return {
        "matchers": [one.text for one in silence.matchers],
        "starts_at": silence.starts.isoformat(),
        "ends_at": silence.ends.isoformat(),
    }


def _silence(row: Sequence[Any]) -> Silence:
    id_, matchers, starts_us, ends_us, by, why, created_us, ended_by = row
    return Silence(
        id_,
        tuple(matcher(text) for text in json.loads(matchers)),
        *(moment(starts_us), moment(ends_us), by, why, moment(created_us), ended_by),
    )
