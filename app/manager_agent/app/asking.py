"""The REST API asked from inside the process, by somebody who has proven who they are elsewhere."""

import asyncio
import json
from typing import Any

from starlette.types import ASGIApp

from manager_agent.api.asker import TOKEN_NAME
from manager_agent.delivery.slack.command_line import Ask

PATIENCE_SECONDS = 20.0


class Asking:
    """Asks `api` on the event loop `loop`; call it from another thread."""

    def __init__(self, api: ASGIApp, loop: asyncio.AbstractEventLoop) -> None:
        self._api = api
        self._loop = loop

    def __call__(self, ask: Ask, who: str) -> tuple[int, Any]:
        """Return status and JSON of what the API answers to `who`. Blocks."""
        done = asyncio.run_coroutine_threadsafe(answered(self._api, ask, who), self._loop)
        try:
            return done.result(PATIENCE_SECONDS)
        except TimeoutError:
            done.cancel()
            return 504, {"detail": f"it took longer than {PATIENCE_SECONDS:.0f} s"}


async def answered(api: ASGIApp, ask: Ask, who: str) -> tuple[int, Any]:
    """Return status and JSON of one request."""
    body = json.dumps(dict(ask.body)).encode()
    asked = [{"type": "http.request", "body": body, "more_body": False}]
    said: list[Any] = []

    async def receive() -> Any:
        if asked:
            return asked.pop()
        await asyncio.Event().wait()  # nobody hangs up

    async def send(message: Any) -> None:
        said.append(message)

    await api(_scope(ask, who), receive, send)
    text = b"".join(one.get("body", b"") for one in said)
    return int(said[0]["status"]), json.loads(text) if text else None


def _scope(ask: Ask, who: str) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": ask.method,
        "scheme": "http",
        "path": ask.path,
        "query_string": ask.query.encode(),
        "headers": [(b"host", b"localhost"), (b"content-type", b"application/json")],
        "client": None,
        "server": None,
        TOKEN_NAME: who,
    }
