"""The API as an ASGI application, and a small one for the port of Prometheus."""

from collections.abc import Mapping
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import Route
from starlette.types import ExceptionHandler

from manager_agent.api.door import Door
from manager_agent.api.guard import Guard
from manager_agent.api.problem import Problem, on_busy, on_http_exception, on_problem
from manager_agent.api.routes import (
    approvals,
    archive,
    breakers,
    budgets,
    by_hand,
    calls,
    issues,
    manager,
    pauses,
    probes,
    reports,
    rules,
    shared,
    silences,
    slack,
    sql,
    suggestions,
    upkeep,
)
from manager_agent.api.services import Alerting, BusyError, ByHand, Oversight, People, Services

_HANDLERS: Mapping[Any, ExceptionHandler] = {
    Problem: on_problem,
    BusyError: on_busy,
    HTTPException: on_http_exception,
}


def build(services: Services) -> Starlette:
    """Return the whole API over `services`."""
    signed = slack.routes(services.from_slack) if services.from_slack else []
    return _application(services, [*_routes(services), *signed])


def inside(services: Services) -> Starlette:
    """Return the API for who is in this process and has proven who they are in another way."""
    return Starlette(routes=_routes(services), exception_handlers=_HANDLERS)


def _routes(services: Services) -> list[Route]:
    return [
        *by_hand.routes(services),
        *(_overseen(services, services.oversight) if services.oversight else []),
        *manager.routes(services),
        *calls.routes(services),
        *sql.routes(services),
        *suggestions.routes(services),
        *archive.routes(services),
        *probes.routes(services),
        *(issues.routes(services.issues) if services.issues else []),
        *(reports.routes(services, services.reports) if services.reports else []),
        *(upkeep.routes(services.upkeep) if services.upkeep else []),
        *(_alerting(services, services.alerting) if services.alerting else []),
        *(_people(services, services.people) if services.people else []),
        *(_told(services, services.by_hand) if services.by_hand else []),
    ]


def _told(services: Services, told: ByHand) -> list[Route]:
    return [by_hand.record_route(services, told), *budgets.routes(services, told)]


def _overseen(services: Services, oversight: Oversight) -> list[Route]:
    told = services.by_hand
    return [*pauses.routes(oversight), *(shared.routes(oversight, told) if told else [])]


def _alerting(services: Services, alerting: Alerting) -> list[Route]:
    return [*silences.routes(services, alerting), *rules.routes(services, alerting)]


def _people(services: Services, people: People) -> list[Route]:
    return [*breakers.routes(services, people), *approvals.routes(people)]


def metrics_app(services: Services) -> Starlette:
    """Return an application that serves `/metrics` alone, for a port of its own."""
    return _application(services, [probes.metrics_route(services)])


def _application(services: Services, routes: list[Route]) -> Starlette:
    return Starlette(
        routes=routes,
        middleware=[
            Middleware(Door, hosts=services.hosts),
            Middleware(Guard, tokens=services.tokens, denied=services.denied),
        ],
        exception_handlers=_HANDLERS,
    )
