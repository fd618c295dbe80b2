"""Breakers and approvals of a running manager, put together."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from manager_agent.api.services import BusyError
from manager_agent.api.services import People as ApiPeople
from manager_agent.app.budget_settings import needs
from manager_agent.app.settings import Settings
from manager_agent.contract.money import nano_usd
from manager_agent.control import approvals, breakers, told_calls
from manager_agent.control.approval_choice import Offer
from manager_agent.control.approvals import Approvals, Rules
from manager_agent.control.approver import Approvers
from manager_agent.control.authority import Authority
from manager_agent.control.breakers import FleetBreakers
from manager_agent.control.clerk import Clerk
from manager_agent.control.keeper import KeeperError
from manager_agent.control.subject import Seat
from manager_agent.control.told_calls import ToldCalls
from manager_agent.rules.breaker import Terms
from manager_agent.store.people import PeopleStore

_MICROS = 1_000_000
_ANSWER_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class People:
    """What is decided beside budgets, in the clerk's thread."""

    breakers: FleetBreakers
    approvals: Approvals
    told: ToldCalls

    def seats(self) -> Sequence[Seat]:
        """Return whom the clerk puts which commands to."""
        return (
            Seat(self.breakers, breakers.TAKES),
            Seat(self.approvals, approvals.TAKES),
            Seat(self.told, told_calls.TAKES),
        )


def people(
    settings: Settings,
    store: PeopleStore,
    authority: Authority,
    told: Callable[[], None],
    now_us: int,
) -> People:
    """Return them as configured, with what is kept of them. Raises `KeeperError`.

    `told`: called when there is something new about approvals in the outbox.
    """
    return People(
        FleetBreakers(store.breakers, breaker_terms(settings), settings.breaker.count_429),
        Approvals(
            store.approvals,
            rules(settings),
            now_us,
            priority_of=lambda agent: authority.book.terms.priority_of(agent),
            extend=authority.decide,
            told=told,
        ),
        ToldCalls(),
    )


def breaker_terms(settings: Settings) -> Terms:
    """Return when breakers open, and for how long, as configured."""
    breaker = settings.breaker
    return Terms(
        failures_in_row=settings.thresholds.max_consecutive_failures,
        base_open_us=int(breaker.base_open_seconds * _MICROS),
        max_open_us=int(breaker.max_open_seconds * _MICROS),
        burnt_nano=nano_usd(breaker.failed_usd),
        burnt_percent=breaker.failed_percent,
        burnt_us=int(breaker.failed_seconds * _MICROS),
    )


def rules(settings: Settings) -> Rules:
    """Return by which rules calls are asked about, and who may answer, as configured."""
    said = settings.approval
    amount = said.amount_usd
    by_priority = {number: frozenset(names) for number, names in said.approvers_by_priority.items()}
    return Rules(
        timeout_us=int(said.timeout_seconds * _MICROS),
        approvers=Approvers(frozenset(said.approvers), by_priority),
        needs=needs(settings),
        offer=Offer(
            None if amount is None else nano_usd(amount), int(said.amount_seconds * _MICROS)
        ),
    )


def for_api(found: People, clerk: Clerk) -> ApiPeople:
    """Return what the API sees of them, and does by way of the clerk."""

    def ask(command: Any) -> None:
        asked: Future[Any] = clerk.ask(command)
        try:
            asked.result(_ANSWER_SECONDS)
        except (KeeperError, TimeoutError) as error:
            raise BusyError(f"it cannot be stored at present and was not done: {error}") from error

    return ApiPeople(
        breakers=lambda: found.breakers.views,
        set_breaker=ask,
        breaker_of=found.breakers.state_of,
        approvals=lambda: found.approvals.views,
        decide=ask,
    )
