"""What the API sees of the budget ledger, and does by way of the clerk."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import structlog

from manager_agent.api.services import BusyError, Oversight
from manager_agent.control.clerk import Clerk, ClerkError
from manager_agent.control.commands import Correct, PauseCalls, ResumeCalls, SetLimit
from manager_agent.control.keeper import KeeperError
from manager_agent.control.views import sums

_log = structlog.get_logger()
_ANSWER_SECONDS = 10.0
T = TypeVar("T")


def oversight(clerk: Clerk) -> Oversight:
    """Return it over the clerk of a running manager."""
    return Oversight(
        accounts=_told(clerk.accounts),
        holders=_told(clerk.holders),
        paused=_told(clerk.paused),
        sums=_told(lambda: clerk.look(lambda book, now_us: sums(book))),
        set_limits=_told(
            lambda: clerk.look(lambda book, now_us: frozenset(book.terms.set_by_people))
        ),
        policy=clerk.policy,
        do=lambda commands: _do(clerk, commands),
    )


def _do(clerk: Clerk, commands: Sequence[SetLimit | Correct | PauseCalls | ResumeCalls]) -> None:
    """Have commands decided, in order; they are stored on return. Raises `BusyError`."""
    asked = [clerk.ask(command) for command in commands]
    for command, done in zip(commands, asked, strict=True):
        try:
            done.result(_ANSWER_SECONDS)
        except (KeeperError, TimeoutError) as error:
            raise BusyError(f"it cannot be kept at present and was not done: {error!r}") from error
        _log.info(
            "told by people",
            command=type(command).__name__,
            scope=command.scope,
            name=command.name,
            who=command.by,
            why=command.why,
        )


def _told(question: Callable[[], T]) -> Callable[[], T]:
    def ask() -> T:
        try:
            return question()
        except ClerkError as error:
            raise BusyError(str(error)) from error

    return ask
