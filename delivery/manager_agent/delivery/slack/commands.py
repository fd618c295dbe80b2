"""`/manager` commands: who may, what is asked of the REST API, and the answer to them alone."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from manager_agent.contract.approval import DecideApproval
from manager_agent.delivery.slack.command_answers import answer, help_text, message
from manager_agent.delivery.slack.command_line import Ask, Help, Say, read
from manager_agent.delivery.slack.desk import Desk, Noted
from manager_agent.delivery.slack.forms import LONGEST_WHY, amount_of
from manager_agent.delivery.slack.interaction import Person
from manager_agent.delivery.slack.markup import escape
from manager_agent.delivery.slack.presses import Presses
from manager_agent.delivery.slack.replying import Reply, whisper
from manager_agent.delivery.slack.web_api import WebApi


@dataclass(frozen=True, slots=True)
class Rights:
    """Users (`U...`) and user groups (`S...`): `operators` may change things, `members` may read.

    Nobody named among operators: nobody may change anything. Among members: everybody may read.
    """

    operators: frozenset[str] = field(default_factory=frozenset)
    members: frozenset[str] = field(default_factory=frozenset)

    def refused(self, writes: bool, known_as: frozenset[str]) -> str | None:
        """Return why somebody may not; None: they may."""
        if known_as & self.operators:
            return None
        if writes:
            listed = ", ".join(sorted(self.operators)) or "nobody yet"
            return f"only slack.operators may change anything ({listed}); ask one of them"
        if self.members and not known_as & self.members:
            return f"only slack.members may ask ({', '.join(sorted(self.members))})"
        return None


class Commands:
    """Answers commands. `clock`: now, aware."""

    def __init__(
        self,
        desk: Desk,
        web: WebApi,
        presses: Presses,
        rights: Rights,
        clock: Callable[[], datetime],
    ) -> None:
        self._desk = desk
        self._web = web
        self._presses = presses
        self._rights = rights
        self._clock = clock

    def typed(self, payload: Mapping[str, Any], who: Person) -> Reply:
        """Do what somebody typed; blocks until it is done."""
        outcome, shown = self._done(read(str(payload.get("text") or "")), who)
        url, channel = str(payload.get("response_url") or ""), str(payload.get("channel_id") or "")
        send = lambda: whisper(self._web, url, channel, who.user, shown)  # noqa: E731
        return Reply(outcome, after=send)

    def _done(self, found: Ask | Say | Help, who: Person) -> tuple[str, dict[str, Any]]:
        if isinstance(found, Help):
            return ("mistake" if found.wrong else "help"), help_text(found)
        if isinstance(found, Say):
            return self._said(found, who)
        decider = self._presses.decider(who)
        refused = self._rights.refused(found.writes, decider.groups | {decider.user})
        if refused is not None:
            what = f"{found.method} {found.path}"
            self._desk.note(Noted("not_permitted", found.topic, who.shown, what))
            return "not_permitted", message(f":x: {escape(refused)}")
        status, body = self._desk.ask(found, who.shown)
        return ("done" if status < 400 else "refused"), answer(found, status, body)

    def _said(self, say: Say, who: Person) -> tuple[str, dict[str, Any]]:
        """Decide on an approval; who may is its own rule, not that of operators."""
        nano = until_us = None
        if say.choice == "amount":
            found = amount_of(say.usd, say.duration, self._clock())
            if isinstance(found, dict):
                return "mistake", message(f":x: {escape('; '.join(found.values()))}")
            nano, until_us = found
        verdict = self._desk.decide(
            DecideApproval(
                id=say.approval_id,
                choice=say.choice,
                who=self._presses.decider(who),
                why=say.why[:LONGEST_WHY],
                amount_nano=nano,
                until_us=until_us,
            )
        )
        mark = ":x:" if verdict.reason else ":white_check_mark:"
        return (verdict.reason or "done"), message(f"{mark} {escape(verdict.text)}")
