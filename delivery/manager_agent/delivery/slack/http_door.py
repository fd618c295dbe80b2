"""What Slack sends over HTTP: let in by its signature, read, and answered."""

import json
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl

from manager_agent.contract.metric import Metric, Sample
from manager_agent.delivery.slack.desk import Noted
from manager_agent.delivery.slack.inbound import Kind, Take
from manager_agent.delivery.slack.signature import SignatureDoor, Unsigned

AUDIT_SECONDS = 60.0
"""Anybody can send what is refused: the audit gets one line a minute and reason, with a count."""

HttpAnswer = tuple[int, Mapping[str, Any] | None]
"""An HTTP status and a JSON body; None: an empty one."""


class HttpDoor:
    """Takes requests from any thread. `clock`: seconds since 1970."""

    def __init__(
        self,
        door: SignatureDoor,
        take: Take,
        note: Callable[[Noted], None],
        clock: Callable[[], float],
    ) -> None:
        self._door = door
        self._take = take
        self._note = note
        self._clock = clock
        self._refused: Counter[str] = Counter()
        self._noted: dict[str, tuple[float, int]] = {}

    def answer(self, kind: Kind, body: bytes, headers: Mapping[str, str], peer: str) -> HttpAnswer:
        """Return the answer to a request from `peer`. Blocks for 3 seconds at most."""
        unsigned = self._door.check(body, headers)
        if unsigned is not None:
            self._refuse(unsigned, kind, peer)
            return 401, {"error": unsigned.reason, "detail": unsigned.text}
        payload = payload_of(kind, body)
        if payload is None:
            return 400, {"error": "no_payload", "detail": "it holds nothing that Slack sends here"}
        if payload.get("ssl_check"):
            return 200, None  # Slack looks whether anybody is there
        return 200, self._take(kind, payload)

    def metrics(self) -> list[Metric]:
        """Return `manager_slack_refused_total{reason=...}`."""
        samples = [Sample(n, (("reason", why),)) for why, n in sorted(self._refused.items())]
        about = "Requests for Slack's endpoint that were not Slack's, or came twice."
        return [Metric("manager_slack_refused_total", "counter", about, samples)]

    def _refuse(self, why: Unsigned, kind: str, peer: str) -> None:
        self._refused[why.reason] += 1
        now, total = self._clock(), self._refused[why.reason]
        at, before = self._noted.get(why.reason, (None, 0))
        if at is not None and now - at < AUDIT_SECONDS:
            return
        self._noted[why.reason] = (now, total)
        several = f" ({total - before} since the last line)" if total - before > 1 else ""
        self._note(Noted(why.reason, kind, f"api {peer}", why.text + several))


def payload_of(kind: Kind, body: bytes) -> Mapping[str, Any] | None:
    """Return what a form holds: a command's fields, or the JSON that an interaction wraps."""
    try:
        form = dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=100))
        if kind == "slash_commands":
            return form if "command" in form or "ssl_check" in form else None
        found = json.loads(form["payload"])
    except (ValueError, KeyError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
