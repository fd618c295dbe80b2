"""Buttons and forms of approvals: who pressed what, decided once, refusals told to them alone."""

from collections.abc import Callable
from datetime import datetime

from manager_agent.contract.approval import Choice, DecideApproval, Decider
from manager_agent.delivery.slack.command_answers import message
from manager_agent.delivery.slack.desk import Desk, Verdict, Waiting
from manager_agent.delivery.slack.forms import LONGEST_WHY, amount_form, amount_of, deny_form
from manager_agent.delivery.slack.forms import mistakes as shown_mistakes
from manager_agent.delivery.slack.groups import Groups
from manager_agent.delivery.slack.interaction import NotOurs, Person, Pressed, Submitted
from manager_agent.delivery.slack.markup import code, escape
from manager_agent.delivery.slack.replying import Reply, whisper
from manager_agent.delivery.slack.web_api import SlackSaidNoError, WebApi


class Presses:
    """Answers presses and forms. `clock`: now, aware."""

    def __init__(
        self, desk: Desk, web: WebApi, groups: Groups, clock: Callable[[], datetime]
    ) -> None:
        self._desk = desk
        self._web = web
        self._groups = groups
        self._clock = clock

    def did(self, found: Pressed | Submitted | NotOurs) -> Reply:
        """Do what somebody pressed or sent; blocks until a decision is on the disk."""
        match found:
            case Pressed(choice="once" | "cheaper"):
                return self._decided(found, DecideApproval(*_what(found), self.decider(found.who)))
            case Pressed():
                return self._asked(found)
            case Submitted():
                return self._sent(found)
        return Reply("not_ours")

    def decider(self, who: Person) -> Decider:
        """Return who decides, with the user groups that they are in."""
        return Decider(who.shown, "slack", who.user, self._groups.of(who.user))

    def _asked(self, pressed: Pressed) -> Reply:
        """Open the form that a choice needs, for those who may decide."""
        who = self.decider(pressed.who)
        waiting = self._desk.waiting(pressed.approval_id, who)
        if isinstance(waiting, Verdict):
            return self._told(pressed, waiting)
        about = escape(waiting.about)
        if pressed.choice == "deny":
            form = deny_form(pressed, about)
        else:
            form = amount_form(pressed, about, waiting.usd, waiting.duration)
        try:
            self._web.open_form(pressed.trigger_id, form)
        except SlackSaidNoError as error:
            return self._without_form(pressed, who, waiting, str(error))
        return Reply("form")

    def _without_form(self, pressed: Pressed, who: Decider, waiting: Waiting, why: str) -> Reply:
        """Do without: a denial needs no reason, an amount can be typed as a command."""
        if pressed.choice == "deny":
            return self._decided(pressed, DecideApproval(pressed.approval_id, "deny", who))
        id_, usd, lasts = pressed.approval_id, waiting.usd, waiting.duration
        text = (
            f":x: The form could not be opened ({escape(why)}); type"
            f" {code(f'/manager approve {id_} amount {usd} for {lasts}')}"
        )
        return Reply("no_form", after=lambda: self._whisper(pressed, text))

    def _sent(self, form: Submitted) -> Reply:
        who = self.decider(form.who)
        command = DecideApproval(form.approval_id, form.choice, who, form.why[:LONGEST_WHY])
        if form.choice == "amount":
            found = amount_of(form.amount, form.until, self._clock())
            if isinstance(found, dict):
                return Reply("mistake", shown_mistakes(found))
            nano, until_us = found
            command = DecideApproval(
                form.approval_id, "amount", who, amount_nano=nano, until_us=until_us
            )
        return self._decided(form, command)

    def _decided(self, asked: Pressed | Submitted, command: DecideApproval) -> Reply:
        return self._told(asked, self._desk.decide(command))

    def _told(self, asked: Pressed | Submitted, verdict: Verdict) -> Reply:
        if not verdict.reason and self._web.may_post:
            return Reply("done")  # the card says so, to everybody
        mark = ":x:" if verdict.reason else ":white_check_mark:"
        text = f"{mark} {escape(verdict.text)}"
        return Reply(verdict.reason or "done", after=lambda: self._whisper(asked, text))

    def _whisper(self, to: Pressed | Submitted, text: str) -> None:
        whisper(self._web, to.response_url, to.channel, to.who.user, message(text))


def _what(pressed: Pressed) -> tuple[str, Choice]:
    return pressed.approval_id, pressed.choice
