"""What people do in Slack, done by the parts of a running manager, and audited."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

from manager_agent.api.services import BusyError, People
from manager_agent.api.shapes import moment_of
from manager_agent.contract.approval import DecideApproval, Decider
from manager_agent.contract.money import usd
from manager_agent.control.approval_choice import ApprovalError
from manager_agent.control.approval_rows import Approval
from manager_agent.control.approvals import Rules
from manager_agent.control.approver import may_decide
from manager_agent.control.rows import Event
from manager_agent.delivery.slack.command_line import Ask
from manager_agent.delivery.slack.desk import Desk, Noted, Verdict, Waiting

_DONE = {
    "once": "approved, this one call",
    "amount": "approved, for this and like calls",
    "cheaper": "approved, with the cheaper model",
    "deny": "denied",
}
_CENT = Decimal("0.01")


def desk(
    people: People,
    rules: Rules,
    ask: Callable[[Ask, str], tuple[int, Any]],
    keep: Callable[[Event], None],
    clock: Callable[[], datetime],
) -> Desk:
    """Return it. `keep`: adds to the audit; may raise, and then nothing else is done."""

    def decide(command: DecideApproval) -> Verdict:
        try:
            people.decide(command)
        except ApprovalError as error:
            row = _row(people, command.id) if error.kind == "decided" else None
            return Verdict(_before(row) if row else str(error), error.kind)
        except BusyError as error:
            return Verdict(str(error), "later")
        return Verdict(f"{command.id}: {_DONE[command.choice]}")

    def waiting(id_: str, who: Decider) -> Waiting | Verdict:
        row = _row(people, id_)
        found = _open(row, id_, clock()) or _refused(row, who, rules)
        if found is not None or row is None:
            verdict = found or Verdict(f"nobody asks under {id_!r}", "unknown")
            note(Noted(verdict.reason, id_, who.name, verdict.text))
            return verdict
        return Waiting(_about(row), _offered(row, rules), _duration(rules.offer.for_us))

    def note(noted: Noted) -> None:
        at_us = int(clock().timestamp() * 1_000_000)
        said = {"refused": noted.reason}
        subject, detail = noted.subject[:80], noted.detail[:500] or None
        keep(Event(at_us, "slack_refused", subject, None, said, noted.who[:200], detail))

    return Desk(decide, waiting, ask, note)


def _row(people: People, id_: str) -> Approval | None:
    return next((one for one in people.approvals() if one.id == id_), None)


def _open(row: Approval | None, id_: str, now: datetime) -> Verdict | None:
    """Return why a question takes no answer; None: it does."""
    if row is None:
        return Verdict(f"nobody asks under {id_!r} any more", "unknown")
    late = row.state == "pending" and now.timestamp() * 1_000_000 >= row.expires_us
    if row.state == "expired" or late:
        return Verdict(f"{row.id} has expired; the agent has to ask again", "expired")
    return None if row.state == "pending" else Verdict(_before(row), "decided")


def _refused(row: Approval | None, who: Decider, rules: Rules) -> Verdict | None:
    found = None if row is None else may_decide(who, row, rules.approvers)
    return None if found is None else Verdict(found.text, found.reason)


def _before(row: Approval) -> str:
    at = (moment_of(row.decided_us) or "")[:16].replace("T", " ")
    return f"{row.id} was {row.state} by {row.by or 'the manager'} at {at} UTC already"


def _about(row: Approval) -> str:
    cost = f"may cost up to {_dollars(row.bound_nano)}" if row.bound_nano else "may cost anything"
    return f"{row.agent} asks to call {row.model or row.operation}, which {cost}."


def _offered(row: Approval, rules: Rules) -> str:
    return _dollars(rules.offer.amount(row)).lstrip("$")


def _dollars(nano: int) -> str:
    """Return an amount exactly, with cents at least."""
    exact = usd(nano).normalize()
    return f"${exact.quantize(_CENT):f}" if exact == exact.quantize(_CENT) else f"${exact:f}"


def _duration(micros: int) -> str:
    seconds = micros // 1_000_000
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= length and seconds % length == 0:
            return f"{seconds // length}{unit}"
    return f"{seconds}s"
