"""Which messages of a guard are taken: names in bounds, and no word for another's agent."""

from dataclasses import dataclass, replace
from typing import Literal

from manager_agent.contract.guard import Bye, FromGuard, Hello, Outcomes, Question, Report

Spoken = Hello | Report | Outcomes | Question | Bye

LONGEST_AGENT = 200
"""Characters of an agent's name, as for budgets."""

_LONGEST_HOLDER = 64
_MOST_JOURNALS = 1024


@dataclass
class RefusedError(Exception):
    """A message that ends its stream: `reason` counts it, `status` is gRPC's word for it."""

    reason: Literal["names", "other_agent"]
    status: Literal["INVALID_ARGUMENT", "PERMISSION_DENIED"]
    text: str

    def __str__(self) -> str:
        return self.text


def spoken(message: FromGuard, agent: str | None) -> Spoken | None:
    """Return what a guard says; None where this program does not know it.

    `agent`: whose token the guard showed, None where it may speak for all. Raises `RefusedError`.
    """
    said = message.hello or message.report or message.outcomes or message.question or message.bye
    if said is None:
        return None
    _check("holder", said.holder, _LONGEST_HOLDER)
    if isinstance(said, Hello):
        return _allowed(said, agent)
    if isinstance(said, Bye):
        return said
    _check("agent", said.agent, LONGEST_AGENT)
    if agent is not None and said.agent != agent:
        raise RefusedError(
            "other_agent",
            "PERMISSION_DENIED",
            f"this token is of the agent {agent!r} and cannot speak for {said.agent!r};"
            " set MANAGER_AGENT_ID, or take that agent's token",
        )
    return said


def _allowed(hello: Hello, agent: str | None) -> Hello:
    """Return it without journals that it has no say about: another process will bring them."""
    mine = [one for one in hello.recovered if agent is None or one.agent == agent]
    return replace(hello, recovered=tuple(mine[:_MOST_JOURNALS]))


def _check(field: str, name: str, most: int) -> None:
    if not name or len(name) > most or not name.isprintable():
        raise RefusedError(
            "names",
            "INVALID_ARGUMENT",
            f"{field} = {name[:most]!r} is no name of 1 to {most} printable characters",
        )
