"""Who may ask: a bearer token with every request but /healthz, and what Slack signs."""

from collections import Counter
from collections.abc import Iterable

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from manager_agent.api.asker import TOKEN_NAME
from manager_agent.api.problem import Problem
from manager_agent.contract.metric import Metric, Sample
from manager_agent.contract.token import Denied, Tokens

_OPEN = frozenset({"/healthz", "/api/v1/slack/interactive", "/api/v1/slack/commands"})
"""What needs no token: whether the manager lives, and what proves itself by a signature."""


class Guard:
    """Refuses requests without a known token; lets all pass where no tokens are configured."""

    def __init__(self, app: ASGIApp, tokens: Tokens, denied: "Denials") -> None:
        self._app = app
        self._tokens = tokens
        self._denied = denied

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http" and self._tokens and scope["path"] not in _OPEN:
            found = self._tokens.check(Headers(scope=scope).get("authorization"))
            if isinstance(found, Denied):
                self._denied.add(found.reason)
                headers = {"www-authenticate": "Bearer"}
                problem = Problem(
                    401, found.reason.replace("_", "-"), found.message, headers=headers
                )
                await problem.response()(scope, receive, send)
                return
            scope[TOKEN_NAME] = found.name
        await self._app(scope, receive, send)


class Denials:
    """Counts who was turned away, by reason."""

    def __init__(self, reasons: Iterable[str] = ()) -> None:
        self._counts = Counter(dict.fromkeys(reasons, 0))

    def add(self, reason: str) -> None:
        """Count one more."""
        self._counts[reason] += 1

    def metrics(self) -> list[Metric]:
        """Return `manager_api_denied_total{reason=...}`."""
        samples = [Sample(number, (("reason", key),)) for key, number in self._counts.items()]
        about = "API requests turned away: no token, or one not known."
        return [Metric("manager_api_denied_total", "counter", about, samples)]
