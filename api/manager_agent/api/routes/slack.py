"""What Slack sends by HTTP. Its signature is the only proof that is asked for, not a token."""

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from manager_agent.api.problem import Problem
from manager_agent.api.services import FromSlack, SlackKind

MAX_BYTES = 256 * 1024
"""Slack's own payloads are some kilobytes; a card with 50 blocks comes back whole."""

INTERACTIVE, COMMANDS = "/api/v1/slack/interactive", "/api/v1/slack/commands"


def routes(answer: FromSlack) -> list[Route]:
    """Return the routes for buttons and forms, and for commands."""

    def route(path: str, kind: SlackKind) -> Route:
        async def posted(request: Request) -> Response:
            body = await _limited(request)
            peer = request.client.host if request.client else ""
            headers = dict(request.headers)
            status, found = await run_in_threadpool(answer, kind, body, headers, peer)
            return Response(status_code=status) if found is None else JSONResponse(found, status)

        return Route(path, posted, methods=["POST"])

    return [
        route(INTERACTIVE, "interactive"),
        route(COMMANDS, "slash_commands"),
    ]


async def _limited(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BYTES:
            raise Problem(413, "too-large", f"the body is larger than {MAX_BYTES:,} bytes")
    return bytes(body)
