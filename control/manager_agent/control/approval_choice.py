"""What becomes of a question when somebody chooses: checked here, applied in `approvals`."""

from dataclasses import dataclass, replace
from typing import Literal

from manager_agent.contract.approval import Choice, DecideApproval
from manager_agent.contract.money import usd
from manager_agent.control.approval_rows import Approval

_DAY_US = 24 * 3600 * 1_000_000
LONGEST_US = 31 * _DAY_US
_TIMES = 10

Kind = Literal[
    "unknown", "decided", "expired", "own_question", "not_an_approver", "not_offered", "bad_value"
]


class ApprovalError(Exception):
    """An answer that cannot be taken; the message says why and what to do.

    `kind`: `unknown`: there is no such question. `decided`: it was answered before. `expired`: its
    time is over. `own_question`, `not_an_approver`: not by this person. `not_offered`: this choice
    is none of those that it has. `bad_value`: an amount, a time or a model that cannot be.
    """

    def __init__(self, kind: Kind, text: str) -> None:
        super().__init__(text)
        self.kind: Kind = kind


@dataclass(frozen=True, slots=True)
class Offer:
    """What `amount` means where it says no more: `nano` in all (None: ten times what the call may
    cost), for `for_us`, microseconds."""

    nano: int | None = None
    for_us: int = 3600 * 1_000_000

    def amount(self, row: Approval) -> int:
        """Return the allowance that is offered: never less than the call may cost."""
        return max(row.bound_nano, _TIMES * row.bound_nano if self.nano is None else self.nano)


def chosen(row: Approval, command: DecideApproval, offer: Offer, now_us: int) -> Approval:
    """Return a pending question as it is once `command` was said. Raises `ApprovalError`."""
    choice = command.choice
    if choice not in row.choices:
        raise ApprovalError("not_offered", f"{row.id}: {_why_not(row, choice)}")
    new = replace(row, choice=choice, decided_us=now_us, by=_by(command), why=command.why)
    if choice == "deny":
        return replace(new, state="denied")
    new = replace(new, state="approved")
    if choice == "cheaper":
        if command.cheaper not in ("", row.cheaper):
            raise ApprovalError(
                "bad_value", f"{row.id}: {command.cheaper!r} is not offered, {row.cheaper!r} is"
            )
        return replace(new, amount_nano=row.cheaper_nano)
    if choice == "once":
        amount = row.bound_nano if command.amount_nano is None else command.amount_nano
        return replace(new, amount_nano=amount)
    amount = offer.amount(row) if command.amount_nano is None else command.amount_nano
    until_us = now_us + offer.for_us if command.until_us is None else command.until_us
    if amount < row.bound_nano:
        raise ApprovalError(
            "bad_value",
            f"{row.id}: ${usd(amount):f} is less than the ${usd(row.bound_nano):f} that this call"
            " may cost; approve more",
        )
    if not now_us < until_us <= now_us + LONGEST_US:
        raise ApprovalError(
            "bad_value", f"{row.id}: until must be after now and within 31 days; choose another"
        )
    return replace(new, amount_nano=amount, until_us=until_us)


def _by(command: DecideApproval) -> str:
    return command.who.name or command.who.user


def _why_not(row: Approval, choice: Choice) -> str:
    offered = ", ".join(row.choices)
    if choice == "cheaper":
        return f"its caller allows no cheaper model; choose one of {offered}"
    if choice == "amount":
        return f"nobody knows what such a call costs; choose one of {offered}"
    return f"{choice!r} is no choice; choose one of {offered}"
