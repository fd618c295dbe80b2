"""The two forms of an approval: how much and until when, and why not. Pure."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from slack_sdk.models.blocks import InputBlock, PlainTextInputElement, SectionBlock
from slack_sdk.models.blocks.basic_components import MarkdownTextObject, PlainTextObject
from slack_sdk.models.views import View

from manager_agent.contract.duration import seconds_of
from manager_agent.contract.money import nano_usd
from manager_agent.delivery.slack.interaction import FORM, Pressed
from manager_agent.delivery.slack.markup import code, fit

LONGEST_WHY = 500
LONGEST_UNTIL = timedelta(days=31)
MOST_USD = Decimal(1_000_000)


def amount_form(pressed: Pressed, about: str, usd: str, duration: str) -> dict[str, Any]:
    """Return the form that asks how much and for how long, with both filled in already."""
    return _form(
        pressed,
        "Approve an amount",
        "Approve",
        about,
        _field("amount", "US dollars, in all", usd, "5.00", 20),
        _field("until", "For how long", duration, "30m, 2h, 1d", 20),
    )


def deny_form(pressed: Pressed, about: str) -> dict[str, Any]:
    """Return the form that asks why not; it may be sent empty."""
    why = _field("why", "Reason (the agent is told)", "", "", LONGEST_WHY, optional=True)
    return _form(pressed, "Deny the call", "Deny", about, why)


def amount_of(amount: str, until: str, now: datetime) -> tuple[int, int] | dict[str, str]:
    """Return nano-USD and microseconds since 1970, or what is wrong by field, as Slack shows it."""
    wrong: dict[str, str] = {}
    nano = until_us = 0
    try:
        usd = Decimal(amount.strip().lstrip("$").replace(",", ""))
        if not (usd.is_finite() and 0 < usd <= MOST_USD):
            raise ArithmeticError
        nano = nano_usd(usd)
    except ArithmeticError:
        wrong["amount"] = f"{amount[:20]!r} is no amount; write dollars such as 5 or 2.50"
    try:
        lasts = timedelta(seconds=seconds_of(until))
        until_us = int((now + min(lasts, LONGEST_UNTIL)).timestamp() * 1_000_000)
        if lasts > LONGEST_UNTIL:
            wrong["until"] = f"at most {LONGEST_UNTIL.days}d"
    except (ValueError, OverflowError):
        wrong["until"] = f"{until[:20]!r} is no duration; write one such as 30m, 2h or 1d"
    return wrong or (nano, until_us)


def mistakes(wrong: Mapping[str, str]) -> dict[str, Any]:
    """Return the answer to a form that keeps it open and shows what is wrong, by field."""
    return {"response_action": "errors", "errors": dict(wrong)}


def _form(
    pressed: Pressed, title: str, submit: str, about: str, *fields: InputBlock
) -> dict[str, Any]:
    kept = {
        "id": pressed.approval_id,
        "choice": pressed.choice,
        "reply": pressed.response_url,
        "channel": pressed.channel,
    }
    text = fit(f"{about}\n{code(pressed.approval_id)}", 3000)
    view = View(
        type="modal",
        callback_id=FORM,
        title=PlainTextObject(text=title),
        submit=PlainTextObject(text=submit),
        close=PlainTextObject(text="Cancel"),
        private_metadata=json.dumps(kept),
        blocks=[SectionBlock(text=MarkdownTextObject(text=text)), *fields],
    )
    return dict(view.to_dict())


def _field(
    block: str, label: str, value: str, hint: str, longest: int, optional: bool = False
) -> InputBlock:
    return InputBlock(
        block_id=block,
        label=PlainTextObject(text=label),
        optional=optional,
        element=PlainTextInputElement(
            action_id="value",
            initial_value=value or None,
            placeholder=hint or None,
            max_length=longest,
            multiline=longest > 100,
        ),
    )
