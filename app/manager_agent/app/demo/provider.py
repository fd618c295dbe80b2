"""A local stand-in for the providers of models, for demonstrations and tests.

It speaks OpenAI's chat, responses, completions and embeddings (with the accents of some who speak
them, too), Anthropic's messages, Gemini and Bedrock, whole and streamed, well enough for the
official SDKs; counts tokens, caches prompts, and fails now and then or as it is told to. The same
seed and the same requests give the same answers, usage and failures, however they interleave; ids
are unique for ever, because duplicates are recognised by them.

    with serving(ProviderSettings(seed=7)) as provider:
        client = OpenAI(base_url=f"{provider.url}/v1", api_key="none")

For processes of their own: `python -m manager_agent.app.demo.provider --port 0` prints its URL;
`GET /__ledger` tells what was served, and how many requests are `pending`.
"""

import asyncio
import json
import logging
import socket
import threading
import time
import uuid
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from hashlib import blake2b
from math import ceil
from random import Random
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from manager_agent.app.demo import paths
from manager_agent.app.demo.answers import Answer, Ask, Usage, answer, failure
from manager_agent.app.demo.anthropic_messages import MESSAGES
from manager_agent.app.demo.compression import squeeze
from manager_agent.app.demo.faults import NO_FAULTS, Faults, asked_for
from manager_agent.app.demo.ledger import Ending, Served
from manager_agent.app.demo.openai_chat import CHAT
from manager_agent.app.demo.openai_flavours import charged
from manager_agent.app.demo.prompt_cache import Prompt, PromptCache
from manager_agent.app.demo.streaming import Pace, Stream, without_cuts
from manager_agent.app.demo.wire import BadRequest, Json, Wire
from manager_agent.app.demo.without_usage import told, told_event

__all__ = ["Provider", "ProviderSettings", "Served", "serving"]

FIRST_TOKEN_SECONDS, TOKEN_SECONDS = 0.15, 0.002
KEPT = 100_000  # records of calls, and repetitions of requests, remembered
START_SECONDS = 10.0
_FAILED = {
    400: "This model's maximum context length is 128000 tokens; the messages are longer.",
    429: "Rate limit reached, try again later.",
    500: "The server had an error.",
}


@dataclass(frozen=True, slots=True)
class ProviderSettings:
    """How the provider behaves.

    `pace`: 1.0 answers as fast as a real model, 0 at once. `rate_429`, `rate_500`: share of
    requests that fail so, 0 to 1. `retry_after_seconds` is what a 429 asks for. `faults`: what
    goes wrong of every request; one alone may ask for its own by headers `x-fake-...`.
    """

    seed: int = 7
    pace: float = 1.0
    rate_429: float = 0.03
    rate_500: float = 0.02
    retry_after_seconds: float = 1.0
    faults: Faults = NO_FAULTS


@dataclass(frozen=True, slots=True)
class _Call:
    """One request under way: what is known of it before it is answered."""

    wire: Wire
    body: Json
    headers: Mapping[str, str]
    faults: Faults
    begun: Served
    number: int


class Provider:
    """The answers' state, and `served`, the last `KEPT` requests in order, failures included."""

    def __init__(self, settings: ProviderSettings, url: str = "") -> None:
        self.settings = settings
        self.url = url
        self._served: deque[Served] = deque(maxlen=KEPT)
        self._cache = PromptCache()
        self._repeats: Counter[bytes] = Counter()
        self._number = 0
        self._pending = 0

    @property
    def served(self) -> Sequence[Served]:
        """What was served until now; a copy, safe while the provider runs."""
        return tuple(self._served)

    @property
    def pending(self) -> int:
        """How many requests have come that are not in `served` yet."""
        return self._pending

    def app(self) -> Starlette:
        """Return the ASGI application."""
        routes = [
            Route("/__ledger", self._tell, methods=["GET"]),
            Route("/{path:path}", self._reply, methods=["POST"]),
        ]
        return Starlette(routes=routes, exception_handlers={405: _not_found})

    async def _tell(self, request: Request) -> Response:
        served = [entry.as_json() for entry in self.served]
        return JSONResponse({"pending": self._pending, "served": served})

    async def _reply(self, request: Request) -> ASGIApp:
        started = time.time()
        raw, path = await request.body(), request.scope["raw_path"].decode("ascii")
        found = paths.find(path)
        if found is None:
            return await _not_found(request)
        wire, told = found
        headers = {wire.request_id_header: f"req_{uuid.uuid4().hex}"}
        try:
            faults = asked_for(self.settings.faults, request.headers)
            body = {**_parse(raw), **told}
            draw, attempt = self._draw(path, raw)
            model, streaming = str(body.get("model") or ""), bool(body.get("stream"))
            begun = Served(
                path, model, "", "", 200, streaming, None, wire.provider, attempt=attempt
            )
            self._number += 1
            begun = replace(begun, started=started)
            call = _Call(wire, body, headers, faults, begun, self._number)
            return await self._answer(call, draw, request)
        except BadRequest as error:
            failed = {**headers, **wire.error_headers(400)}
            return JSONResponse(wire.error(400, str(error)), 400, failed)

    async def _answer(self, call: _Call, draw: Random, request: Request) -> ASGIApp:
        self._pending += 1  # until it is noted
        await asyncio.sleep(call.faults.hang_seconds)
        status = self._failure(draw, call)
        if status != 200 and not call.faults.bill_errors:
            return self._fail(call, status, None)
        try:
            said = answer(_ask(call, self._cache), draw, call.faults.output_tokens)
        except BadRequest:
            self._pending -= 1
            raise
        if status != 200:
            return self._fail(call, status, said.usage)
        return await self._send(call, said, request)

    def _draw(self, path: str, raw: bytes) -> tuple[Random, int]:
        """Return the randomness of this request, from its content, and how often it has come."""
        digest = blake2b(path.encode() + raw, digest_size=16).digest()
        if len(self._repeats) > KEPT:
            self._repeats.clear()
        self._repeats[digest] += 1
        attempt = self._repeats[digest]
        return Random(f"{self.settings.seed}:{digest.hex()}:{attempt}"), attempt

    def _failure(self, draw: Random, call: _Call) -> int:
        faults = call.faults
        rates = {"rate_429": self.settings.rate_429, "rate_500": self.settings.rate_500}
        status = failure(draw, **rates)
        failed = faults.fails(call.begun.attempt, call.number)
        return faults.fail_status if failed else status

    def _fail(self, call: _Call, status: int, usage: Usage | None) -> Response:
        self._note(replace(call.begun, status=status, usage=usage, billed=usage is not None))
        headers = {**call.headers, **call.wire.error_headers(status)}
        if status == 429:
            wait = self.settings.retry_after_seconds
            headers |= {"retry-after": f"{ceil(wait)}", "retry-after-ms": f"{wait * 1000:.0f}"}
        elif call.faults.retry_after_ms:
            headers["retry-after-ms"] = str(call.faults.retry_after_ms)
        message = _FAILED.get(status, "The service is overloaded.")
        return _json(call, dict(call.wire.error(status, message)), status, headers)

    async def _send(self, call: _Call, said: Answer, request: Request) -> ASGIApp:
        wire, pace = call.wire, self.settings.pace
        response_id = wire.id_prefix and wire.id_prefix + uuid.uuid4().hex
        done = replace(
            call.begun,
            response_model=said.model,
            response_id=response_id,
            usage=said.usage,
            charged_usd=_charged(wire, said.usage),
        )
        await asyncio.sleep(FIRST_TOKEN_SECONDS * pace)
        if done.streaming:
            return self._stream(call, said, done)
        await asyncio.sleep(said.usage.output * TOKEN_SECONDS * pace)
        ending: Ending = "left" if await request.is_disconnected() else "whole"
        self._note(replace(done, ending=ending))
        whole = dict(wire.whole(call.body, said, response_id))
        headers = {**call.headers, **wire.answer_headers(said)}
        return _json(call, told(whole, call.faults, call.number), 200, headers)

    def _stream(self, call: _Call, said: Answer, done: Served) -> ASGIApp:
        events: list[Any] = list(call.wire.events(call.body, said, done.response_id))
        events = [
            event
            for event in (told_event(event, call.faults, call.number) for event in events)
            if event is not None
        ]
        share = said.usage.output * TOKEN_SECONDS * self.settings.pace / len(events)
        pace = Pace(share + call.faults.chunk_seconds, call.faults.cut_after)
        headers = {**call.headers, "content-type": call.wire.stream_type}
        if call.wire.stream_type.startswith("text/"):
            headers["content-type"] += "; charset=utf-8"

        def over(ending: Ending, sent: float) -> None:
            share = 1.0 if call.faults.bill_left else sent
            used = replace(said.usage, output=round(said.usage.output * share))
            self._note(replace(done, usage=used, ending=ending))

        coded = squeeze(call.faults.encoding)
        return Stream(events, _coded(call, headers), coded, pace, over)

    def _note(self, entry: Served) -> None:
        self._pending -= 1
        self._served.append(entry)


@contextmanager
def serving(settings: ProviderSettings | None = None, port: int = 0) -> Iterator[Provider]:
    """Serve on a loopback port, 0: a free one, in a thread of this process, until the block ends.

    Raises `RuntimeError` where it does not start in `START_SECONDS`.
    """
    listener = socket.create_server(("127.0.0.1", port))
    provider = Provider(settings or ProviderSettings())
    provider.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    config = uvicorn.Config(
        provider.app(), log_config=None, lifespan="off", timeout_graceful_shutdown=1, ws="none"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True, name="provider")
    log = logging.getLogger("uvicorn.error")
    log.addFilter(without_cuts)
    thread.start()
    try:
        _wait_until_started(server, thread)
        yield provider
    finally:
        server.should_exit = True
        thread.join(START_SECONDS)
        log.removeFilter(without_cuts)
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


def _ask(call: _Call, cache: PromptCache) -> Ask:
    asked, fixed = call.wire.read(call.body, cache), call.faults.input_tokens
    return replace(asked, prompt=Prompt(fixed)) if fixed else asked


def _json(call: _Call, content: Json, status: int, headers: Mapping[str, str]) -> Response:
    body = json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode()
    told = {"content-type": "application/json", **headers}
    return Response(squeeze(call.faults.encoding)(body, True), status, _coded(call, told))


def _coded(call: _Call, headers: Mapping[str, str]) -> dict[str, str]:
    encoding = call.faults.encoding
    return {**headers, **({"content-encoding": encoding} if encoding else {})}


def _charged(wire: Wire, usage: Usage) -> Decimal | None:
    total = usage.prompt.total + usage.output
    return charged(total) if wire.provider == "openrouter" else None


async def _not_found(request: Request, _: Exception | None = None) -> Response:
    wire = MESSAGES if "anthropic-version" in request.headers else CHAT
    message = f"Unknown request URL: {request.method} {request.url.path}."
    return JSONResponse(dict(wire.error(404, message)), 404)


if __name__ == "__main__":
    from manager_agent.app.demo.standalone import main

    raise SystemExit(main())
