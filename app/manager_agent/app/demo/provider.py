"""A local stand-in for OpenAI and Anthropic, for demonstrations and tests.

It speaks chat completions, responses, embeddings and messages, whole and streamed, well enough
for the official SDKs; counts tokens, caches prompts, and fails now and then. The same seed and
the same requests give the same answers, usage and failures, however they interleave; ids are
unique for ever, because duplicates are recognised by them.

    with serving(ProviderSettings(seed=7)) as provider:
        client = OpenAI(base_url=f"{provider.url}/v1", api_key="none")
"""

import asyncio
import json
import socket
import threading
import time
import uuid
from collections import Counter, deque
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from math import ceil
from random import Random

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from manager_agent.app.demo.answers import Answer, Usage, answer, failure
from manager_agent.app.demo.anthropic_messages import MESSAGES
from manager_agent.app.demo.openai_chat import CHAT
from manager_agent.app.demo.openai_embeddings import EMBEDDINGS
from manager_agent.app.demo.openai_responses import RESPONSES
from manager_agent.app.demo.prompt_cache import PromptCache
from manager_agent.app.demo.wire import BadRequest, Json, Wire

WIRES = {
    "/v1/chat/completions": CHAT,
    "/v1/responses": RESPONSES,
    "/v1/embeddings": EMBEDDINGS,
    "/v1/messages": MESSAGES,
}
FIRST_TOKEN_SECONDS, TOKEN_SECONDS = 0.15, 0.002
KEPT = 100_000  # records of calls, and repetitions of requests, remembered
START_SECONDS = 10.0
_FAILED = {429: "Rate limit reached, try again later.", 500: "The server had an error."}


@dataclass(frozen=True, slots=True)
class ProviderSettings:
    """How the provider behaves.

    `pace`: 1.0 answers as fast as a real model, 0 at once. `rate_429`, `rate_500`: share of
    requests that fail so, 0 to 1. `retry_after_seconds` is what a 429 asks for.
    """

    seed: int = 7
    pace: float = 1.0
    rate_429: float = 0.03
    rate_500: float = 0.02
    retry_after_seconds: float = 1.0


@dataclass(frozen=True, slots=True)
class Served:
    """The truth about one request: what a meter should have found. `usage` None: it failed."""

    path: str
    model: str
    response_model: str
    response_id: str
    status: int
    streaming: bool
    usage: Usage | None


class Provider:
    """The answers' state, and `served`, the last `KEPT` requests in order, failures included."""

    def __init__(self, settings: ProviderSettings, url: str = "") -> None:
        self.settings = settings
        self.url = url
        self._served: deque[Served] = deque(maxlen=KEPT)
        self._cache = PromptCache()
        self._repeats: Counter[bytes] = Counter()

    @property
    def served(self) -> Sequence[Served]:
        """What was served until now; a copy, safe while the provider runs."""
        return tuple(self._served)

    def app(self) -> Starlette:
        """Return the ASGI application."""
        routes = [Route(path, self._reply, methods=["POST"]) for path in WIRES]
        return Starlette(routes=routes, exception_handlers={404: _not_found})

    async def _reply(self, request: Request) -> Response:
        path, raw = request.url.path, await request.body()
        wire = WIRES[path]
        headers = {wire.request_id_header: f"req_{uuid.uuid4().hex}"}
        try:
            body = _parse(raw)
            draw = self._draw(path, raw)
            status = failure(draw, rate_429=self.settings.rate_429, rate_500=self.settings.rate_500)
            if status != 200:
                return self._fail(path, wire, body, status, headers)
            said = answer(wire.read(body, self._cache), draw)
        except BadRequest as error:
            return JSONResponse(wire.error(400, str(error)), 400, headers)
        return await self._send(path, wire, body, said, headers)

    def _draw(self, path: str, raw: bytes) -> Random:
        """Return the randomness of this request: of its content, and how often it came before."""
        digest = blake2b(path.encode() + raw, digest_size=16).digest()
        if len(self._repeats) > KEPT:
            self._repeats.clear()
        self._repeats[digest] += 1
        return Random(f"{self.settings.seed}:{digest.hex()}:{self._repeats[digest]}")

    def _fail(
        self, path: str, wire: Wire, body: Json, status: int, headers: dict[str, str]
    ) -> Response:
        model, streaming = str(body.get("model") or ""), bool(body.get("stream"))
        self._served.append(Served(path, model, "", "", status, streaming, None))
        if status == 429:
            wait = self.settings.retry_after_seconds
            headers |= {"retry-after": f"{ceil(wait)}", "retry-after-ms": f"{wait * 1000:.0f}"}
        return JSONResponse(wire.error(status, _FAILED[status]), status, headers)

    async def _send(
        self, path: str, wire: Wire, body: Json, said: Answer, headers: dict[str, str]
    ) -> Response:
        response_id = wire.id_prefix and wire.id_prefix + uuid.uuid4().hex
        streaming = bool(body.get("stream"))
        done = Served(path, str(body["model"]), said.model, response_id, 200, streaming, said.usage)
        await asyncio.sleep(FIRST_TOKEN_SECONDS * self.settings.pace)
        if streaming:
            events = self._paced(wire.events(body, said, response_id), done)
            return StreamingResponse(events, 200, headers, "text/event-stream")
        await asyncio.sleep(said.usage.output * TOKEN_SECONDS * self.settings.pace)
        self._served.append(done)
        return JSONResponse(dict(wire.whole(body, said, response_id)), 200, headers)

    async def _paced(self, events: Iterator[str], done: Served) -> AsyncIterator[str]:
        """Yield the events at the model's speed; a stream the client leaves is not served."""
        ready = list(events)
        output = done.usage.output if done.usage else 0
        pause = output * TOKEN_SECONDS * self.settings.pace / len(ready)
        for number, text in enumerate(ready, start=1):
            if number == len(ready):
                self._served.append(done)
            yield text
            await asyncio.sleep(pause)


@contextmanager
def serving(settings: ProviderSettings | None = None) -> Iterator[Provider]:
    """Serve on a free loopback port, in a thread of this process, until the block ends.

    Raises `RuntimeError` where it does not start in `START_SECONDS`.
    """
    listener = socket.create_server(("127.0.0.1", 0))
    provider = Provider(settings or ProviderSettings())
    provider.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    config = uvicorn.Config(
        provider.app(), log_config=None, lifespan="off", timeout_graceful_shutdown=1, ws="none"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True, name="provider")
    thread.start()
    try:
        _wait_until_started(server, thread)
        yield provider
    finally:
        server.should_exit = True
        thread.join(START_SECONDS)
        listener.close()


def _wait_until_started(server: uvicorn.Server, thread: threading.Thread) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            raise RuntimeError(f"the fake provider did not start within {START_SECONDS:.0f} s")
        time.sleep(0.01)


def _parse(raw: bytes) -> Json:
    try:
        body = json.loads(raw)
    except ValueError as error:
        raise BadRequest(f"We could not parse the JSON body of your request: {error}") from error
    if not isinstance(body, dict):
        raise BadRequest("The body of a request is a JSON object.")
    return body


async def _not_found(request: Request, _: Exception) -> Response:
    wire = MESSAGES if "anthropic-version" in request.headers else CHAT
    message = f"Unknown request URL: {request.method} {request.url.path}."
    return JSONResponse(dict(wire.error(404, message)), 404)
