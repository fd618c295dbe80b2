"""For machines that watch this one: liveness, readiness, Prometheus, OpenAPI."""

import json
from importlib.resources import files

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from manager_agent.api.problem import Problem
from manager_agent.api.prometheus import exposition, registry
from manager_agent.api.services import Services

_OPENAPI = files("manager_agent.api") / "openapi.json"


def routes(services: Services) -> list[Route]:
    """Return `/healthz`, `/readyz`, `/metrics` and `/openapi.json`."""

    async def healthz(request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def readyz(request: Request) -> Response:
        health = await run_in_threadpool(services.health)
        if not health.ok:
            detail = f"not ready: {'; '.join(health.reasons)}"
            raise Problem(503, "not-ready", detail, reasons=list(health.reasons))
        return JSONResponse({"status": "ok"})

    async def openapi(request: Request) -> Response:
        document = json.loads(_OPENAPI.read_text("utf-8"))
        document["info"]["version"] = services.version
        return JSONResponse(document)

    return [
        Route("/healthz", healthz),
        Route("/readyz", readyz),
        Route("/openapi.json", openapi),
        metrics_route(services),
    ]


def metrics_route(services: Services) -> Route:
    """Return `/metrics`."""
    numbers = registry(services.metrics)

    async def metrics(request: Request) -> Response:
        accept = request.headers.get("accept", "")
        body, content_type = await run_in_threadpool(exposition, numbers, accept)
        # Not media_type: Starlette would add a second charset.
        return Response(body, headers={"content-type": content_type})

    return Route("/metrics", metrics)
