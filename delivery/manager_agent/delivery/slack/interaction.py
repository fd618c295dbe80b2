"""What Slack sends when somebody presses a button or sends a form, read into records. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast, get_args

from manager_agent.contract.approval import Choice

ACTION = "approval:"
"""How the `action_id` of a button begins; the choice follows."""

FORM = "approval"
"""The `callback_id` of our forms."""

_LONGEST_ID = 100


@dataclass(frozen=True, slots=True)
class Person:
    """Who did something in Slack: `user` (`U...`) is Slack's word for it, `name` their own.

    `team`: the workspace (`T...`); `app`: the Slack app (`A...`) that they did it with; "" where
    Slack does not say.
    """

    user: str
    name: str
    team: str
    app: str

    @property
    def shown(self) -> str:
        """How the audit and others see them; the id is in it, since a name is theirs to choose."""
        return f"@{self.name} ({self.user})" if self.name else f"Slack user {self.user}"


@dataclass(frozen=True, slots=True)
class Pressed:
    """Somebody pressed a button of an approval.

    `response_url`: where an answer to them alone goes, "" where there is none; a secret.
    `trigger_id`: lets a form be opened within 3 seconds. `channel`, `message_ts`: the card.
    """

    approval_id: str
    choice: Choice
    who: Person
    response_url: str = ""
    trigger_id: str = ""
    channel: str = ""
    message_ts: str = ""


@dataclass(frozen=True, slots=True)
class Submitted:
    """Somebody sent one of our forms; texts as they were typed, "" where nothing was."""

    approval_id: str
    choice: Choice
    who: Person
    response_url: str = ""
    channel: str = ""
    amount: str = ""
    until: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class NotOurs:
    """Something that we have no answer to; `reason` names what was found."""

    reason: str
    who: Person


def interaction(payload: Mapping[str, Any]) -> Pressed | Submitted | NotOurs:
    """Read what Slack sent. Never raises: what cannot be read is `NotOurs`."""
    who = person(payload)
    match payload:
        case {"type": "block_actions", "actions": [{"action_id": str(action)}, *_]}:
            return _pressed(payload, action, payload["actions"][0], who)
        case {"type": "view_submission", "view": {"callback_id": "approval"}}:
            return _submitted(payload["view"], who)
    return NotOurs(f"an interaction of type {_text(payload, 'type')[:50]!r}", who)


def person(payload: Mapping[str, Any]) -> Person:
    """Return who it is from."""
    user, team = _part(payload, "user"), _part(payload, "team")
    return Person(
        user=_text(user, "id"),
        name=_text(user, "username") or _text(user, "name"),
        team=_text(team, "id") or _text(user, "team_id"),
        app=_text(payload, "api_app_id"),
    )


def _pressed(
    payload: Mapping[str, Any], action: str, button: Mapping[str, Any], who: Person
) -> Pressed | NotOurs:
    choice = action.removeprefix(ACTION)
    id_ = _text(button, "value")
    if not action.startswith(ACTION) or choice not in get_args(Choice):
        return NotOurs(f"a button {action[:50]!r}", who)
    if not 0 < len(id_) <= _LONGEST_ID:
        return NotOurs(f"a button {action[:50]!r} without an approval's id", who)
    container = _part(payload, "container")
    return Pressed(
        approval_id=id_,
        choice=cast(Choice, choice),
        who=who,
        response_url=_text(payload, "response_url"),
        trigger_id=_text(payload, "trigger_id"),
        channel=_text(container, "channel_id"),
        message_ts=_text(container, "message_ts"),
    )


def _submitted(view: Mapping[str, Any], who: Person) -> Submitted | NotOurs:
    try:
        kept = json.loads(_text(view, "private_metadata"))
        id_, choice = str(kept["id"]), kept["choice"]
    except (ValueError, KeyError, TypeError):
        return NotOurs("a form that does not say what it is about", who)
    if choice not in get_args(Choice) or not 0 < len(id_) <= _LONGEST_ID:
        return NotOurs("a form that does not say what it is about", who)
    return Submitted(
        approval_id=id_,
        choice=choice,
        who=who,
        response_url=str(kept.get("reply", "")),
        channel=str(kept.get("channel", "")),
        amount=typed(view, "amount"),
        until=typed(view, "until"),
        why=typed(view, "why"),
    )


def typed(view: Mapping[str, Any], block: str) -> str:
    """Return what was typed into the field of `block`."""
    match view:
        case {"state": {"values": {**values}}}:
            match values.get(block):
                case {"value": {"value": str(text)}}:
                    return " ".join(text.split())
    return ""


def _part(found: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = found.get(key)
    return value if isinstance(value, Mapping) else {}


def _text(found: Mapping[str, Any], key: str) -> str:
    value = found.get(key)
    return value if isinstance(value, str) else ""
