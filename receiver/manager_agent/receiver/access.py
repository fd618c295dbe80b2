"""Who may send: bearer tokens on every OTLP method, over gRPC and HTTP, before a body is read."""

from typing import Any

import grpc
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from manager_agent.contract.token import Denied, Tokens, authorization_of
from manager_agent.receiver.counts import Counts
from manager_agent.receiver.failure import failure

_OPEN = "/grpc.health.v1.Health/"
"""Probes cannot show tokens, and are told nothing but whether there is service."""


class GrpcAccess(grpc.aio.ServerInterceptor):  # type: ignore[misc]
    """Refuses calls without a known token as UNAUTHENTICATED."""

    def __init__(self, tokens: Tokens, counts: Counts) -> None:
        self._tokens = tokens
        self._counts = counts

    async def intercept_service(self, continuation: Any, details: Any) -> Any:
        """Return the method asked for, or one that refuses."""
        if details.method.startswith(_OPEN):
            return await continuation(details)
        found = self._tokens.check(authorization_of(details.invocation_metadata))
        if isinstance(found, Denied):
            self._counts.add("denied", found.reason)
            return _refusing(found.message)
        return await continuation(details)


def _refusing(message: str) -> Any:
    """Return a method that refuses. As it takes a stream, no message is read before it does."""

    async def refuse(requests: Any, context: Any) -> None:
        await context.abort(grpc.StatusCode.UNAUTHENTICATED, message)

    return grpc.stream_stream_rpc_method_handler(refuse)


class HttpAccess:
    """Refuses requests of web pages with 403, and without a known token with 401.

    The token's agent is put into the request's state.
    """

    def __init__(self, app: ASGIApp, tokens: Tokens, counts: Counts) -> None:
        self._app = app
        self._tokens = tokens
        self._counts = counts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http":
            refusal = self._refusal(scope, Headers(scope=scope))
            if refusal is not None:
                await refusal(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _refusal(self, scope: Scope, headers: Headers) -> Response | None:
        kind = headers.get("content-type", "")
        if "origin" in headers:
            # A stranger's page can reach loopback by a name of its own that points there.
            self._counts.add("denied", "web_page")
            return failure(403, "web pages may not send telemetry here", kind)
        if not self._tokens:
            return None
        found = self._tokens.check(headers.get("authorization"))
        if isinstance(found, Denied):
            self._counts.add("denied", found.reason)
            return failure(401, found.message, kind, {"www-authenticate": "Bearer"})
        scope.setdefault("state", {})["agent"] = found.agent
        return None
