"""Slack's way back into a running manager: by socket, by signed HTTP, or not at all."""

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from time import monotonic, time

import structlog
from pydantic import SecretStr

from manager_agent.api.app import inside
from manager_agent.api.services import Services
from manager_agent.app.asking import Asking
from manager_agent.app.people import rules
from manager_agent.app.settings import Settings
from manager_agent.app.slack_desk import desk
from manager_agent.contract.metric import Metric
from manager_agent.control.rows import Event
from manager_agent.delivery.retry import backoff_seconds
from manager_agent.delivery.slack.commands import Commands, Rights
from manager_agent.delivery.slack.desk import Home
from manager_agent.delivery.slack.groups import Groups
from manager_agent.delivery.slack.http_door import HttpDoor
from manager_agent.delivery.slack.inbound import Inbound, Parts
from manager_agent.delivery.slack.presses import Presses
from manager_agent.delivery.slack.signature import SignatureDoor
from manager_agent.delivery.slack.socket_mode import SocketMode
from manager_agent.delivery.slack.web_api import SlackSaidNoError, WebApi

_log = structlog.get_logger()
FAILED_OFTEN = 3
"""Failures in a row after which a missing connection is told as trouble."""


@dataclass(slots=True)
class SlackSide:
    """What listens to Slack. `socket`, `http`: None where that way is not set up."""

    inbound: Inbound
    groups: Groups
    web: WebApi
    home: Home
    socket: SocketMode | None
    http: HttpDoor | None
    _stopping: threading.Event

    def start(self) -> None:
        """Begin to listen; returns at once."""
        if self.web.may_post:
            threading.Thread(target=self._learn, name="manager-slack-home", daemon=True).start()
        if self.socket is not None:
            self.socket.start()

    def stop(self) -> None:
        """Listen no more; within about a second."""
        self._stopping.set()
        if self.socket is not None:
            self.socket.stop()

    def metrics(self) -> list[Metric]:
        """Return the numbers of all of it."""
        socket = self.socket.metrics() if self.socket else []
        return [*self.inbound.metrics(), *socket, *(self.http.metrics() if self.http else [])]

    def troubles(self) -> list[str]:
        """Return what keeps people's answers from coming in, in sentences."""
        health = self.socket.health if self.socket else None
        unknown = self.groups.troubles.items()
        said = [f"Slack does not tell who is in {name}: {why}" for name, why in unknown]
        if health is not None and health.failures >= FAILED_OFTEN:
            said.append(f"no answers come from Slack: {health.reason}")
        return said

    def state(self) -> str:
        """Return in a word by which way answers come, and whether they do."""
        if self.socket is None:
            return "http"
        return "socket" if self.socket.health.state == "ok" else self.socket.health.state

    def _learn(self) -> None:
        """Ask of which workspace we are, until Slack says it."""
        tries = 0
        while not self.home.team and not self._stopping.is_set():
            tries += 1
            try:
                self.home.team = self.web.home()
            except SlackSaidNoError as error:
                if tries == 1:
                    _log.warning("the workspace of the bot is not known", error=str(error))
                self._stopping.wait(backoff_seconds(tries))


def slack_side(
    settings: Settings,
    services: Services,
    keep: Callable[[Event], None],
    clock: Callable[[], datetime],
) -> SlackSide | None:
    """Return what listens to Slack as configured; None: nothing does. Needs a running loop."""
    found = settings.slack
    app_token, secret = _said(found.app_token), _said(found.signing_secret)
    if services.people is None or not (app_token or secret):
        return None
    web = WebApi(_said(found.bot_token), found.api_url)
    rights = Rights(frozenset(found.operators), frozenset(found.members))
    groups = Groups(_named(settings), web.members, monotonic)
    asking = Asking(inside(services), asyncio.get_running_loop())
    the_desk = desk(services.people, rules(settings), asking, keep, clock)
    presses = Presses(the_desk, web, groups, clock)
    commands = Commands(the_desk, web, presses, rights, clock)
    home = Home()
    inbound = Inbound(Parts(presses, commands), home, the_desk)
    socket = SocketMode(app_token, inbound.take, home, found.api_url) if app_token else None
    http = None
    if secret:
        http = HttpDoor(SignatureDoor(secret, time), inbound.take, the_desk.note, time)
    return SlackSide(inbound, groups, web, home, socket, http, threading.Event())


def _named(settings: Settings) -> set[str]:
    """Return all whom the configuration lets do something; user groups are among them."""
    approval = settings.approval
    by_priority = [name for names in approval.approvers_by_priority.values() for name in names]
    slack = settings.slack
    return {*approval.approvers, *by_priority, *slack.operators, *slack.members}


def _said(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value().strip() or None if secret else None
