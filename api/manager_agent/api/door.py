"""What every request passes first: the Host check, and the answer to errors nobody foresaw."""

import ipaddress
from collections.abc import Iterable

import structlog
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from manager_agent.api.problem import Problem

_log = structlog.get_logger()


class Door:
    """Refuses requests meant for another host, and hides the inside of errors.

    A page of a stranger can point its own name at 127.0.0.1 and read the answers (DNS rebinding);
    its requests then carry that name. `hosts` are names allowed besides loopback and the address
    that the request came in on; `*` allows any. Requests that a browser says come from a page of
    another site are refused, too.
    """

    def __init__(self, app: ASGIApp, hosts: Iterable[str]) -> None:
        self._app = app
        self._hosts = frozenset(host.lower() for host in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        host = host_name(Headers(scope=scope).get("host", ""))
        if not self._allowed(host, scope):
            detail = (
                f"the Host header names {host!r}, which is not this server; use its address, or "
                "add the name to the allowed hosts"
            )
            await Problem(421, "unknown-host", detail).response()(scope, receive, send)
            return
        origin = Headers(scope=scope).get("origin")
        if origin is not None and not _same_site(origin, Headers(scope=scope).get("host", "")):
            detail = (
                f"the Origin header names {origin[:100]!r}, a page of another site; ask directly"
            )
            await Problem(403, "cross-site", detail).response()(scope, receive, send)
            return
        await self._serve(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def sending(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, sending)
        except Exception:  # noqa: BLE001  the last resort: logged, and told without the inside
            _log.exception("api_error", method=scope["method"], path=scope["path"])
            if not started:
                problem = Problem(500, "internal", "the manager failed; its log says why")
                await problem.response()(scope, receive, send)

    def _allowed(self, host: str, scope: Scope) -> bool:
        if "*" in self._hosts or host in self._hosts or is_loopback(host):
            return True
        server = scope.get("server")
        return server is not None and host == str(server[0]).lower()


def _same_site(origin: str, host: str) -> bool:
    """Tell whether a page of `origin` was served under the very name and port that it asks."""
    return origin.partition("://")[2].lower() == host.lower()


def host_name(header: str) -> str:
    """Return the name or address of a Host header, without port and brackets, in lower case."""
    if header.startswith("["):
        return header[1:].partition("]")[0].lower()
    return header.partition(":")[0].lower().rstrip(".")


def is_loopback(host: str) -> bool:
    """Tell whether `host` can only mean this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
