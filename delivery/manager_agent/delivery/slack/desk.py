"""What answering people in Slack needs of the manager, and whom it listens to."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from manager_agent.contract.approval import DecideApproval, Decider
from manager_agent.delivery.slack.command_line import Ask
from manager_agent.delivery.slack.interaction import Person


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a decision. `reason`: a word, "" where it was done. `text`: a sentence."""

    text: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A call that waits: `about` it in a sentence, and what a form offers at first."""

    about: str
    usd: str
    duration: str


@dataclass(frozen=True, slots=True)
class Noted:
    """Something that was refused and goes to the audit: why, about what, who, and details."""

    reason: str
    subject: str
    who: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Desk:
    """The manager, as answers need it; all may block for some seconds.

    `decide`: durable when it returns. `waiting`: the call that somebody may decide on now, or the
    verdict why not. `ask`: the REST API, in the name of somebody: status and JSON. `note`: audits.
    """

    decide: Callable[[DecideApproval], Verdict]
    waiting: Callable[[str, Decider], Waiting | Verdict]
    ask: Callable[[Ask, str], tuple[int, Any]]
    note: Callable[[Noted], None]


@dataclass(slots=True)
class Home:
    """Which workspace and app are ours, as far as it is known; "" is not known yet."""

    team: str = ""
    app: str = ""

    def foreign(self, who: Person) -> str | None:
        """Return why somebody is not of ours; None: they are, or nobody can tell."""
        if self.team and who.team != self.team:
            return f"workspace {who.team!r} is not ours, {self.team!r}"
        if self.app and who.app and who.app != self.app:
            return f"app {who.app!r} is not ours, {self.app!r}"
        if not who.user:
            return "it does not say who did it"
        return None
