"""The seam in httpx and in httpx2, which have the same shape: the public `send` of their clients.

`send` lies above transports, redirects and authentication and below the SDKs' retry loops: what
passes here is one attempt. A stream's bytes are read on their way, before they are decoded; a
request whose body is a generator or a file goes out with its body unread.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from datetime import timedelta
from functools import wraps
from types import ModuleType
from typing import Any

from manager_agent.instrumentation import gate, mishap
from manager_agent.instrumentation.endpoint import Endpoint
from manager_agent.instrumentation.gate import Fields
from manager_agent.instrumentation.meter import Call
from manager_agent.instrumentation.refusal import Refusal

_OURS = "__manager_agent__"
_PORTS = {"https": 443, "http": 80}


def patch(module: ModuleType) -> None:
    """Put the seam into `httpx` or `httpx2`; a second time changes nothing."""
    seam = _Seam(module)
    for client, wrapped in ((module.Client, seam.send), (module.AsyncClient, seam.send_async)):
        if not hasattr(client.send, _OURS):
            client.send = wrapped(client.send)


class _Seam:
    """What is the same for both modules, made of the parts of one."""

    def __init__(self, module: ModuleType) -> None:
        self._module = module
        self._tee = type("MeteredStream", (_Tee, module.SyncByteStream), {})
        self._tee_async = type("MeteredAsyncStream", (_AsyncTee, module.AsyncByteStream), {})

    def send(self, original: Any) -> Any:
        """Return `Client.send` with the seam around it."""

        @wraps(original)
        def send(client: Any, request: Any, *args: Any, **kwargs: Any) -> Any:
            endpoint = _endpoint(request)
            if endpoint is None:
                return original(client, request, *args, **kwargs)
            call = gate.enter(endpoint, self._body(request, endpoint), True)
            if isinstance(call, Refusal):
                return self._refused(request, call)
            if call.ask.rewritten is not None:
                request = self._rewritten(request, call.ask.rewritten)
            token = gate.begin()
            try:
                response = original(client, request, *args, **kwargs)
            except BaseException as error:
                call.failed(error)
                raise
            finally:
                gate.end(token)
            return self._metered(call, response, self._tee)

        setattr(send, _OURS, True)
        return send

    def send_async(self, original: Any) -> Any:
        """Return `AsyncClient.send` with the seam around it."""

        @wraps(original)
        async def send(client: Any, request: Any, *args: Any, **kwargs: Any) -> Any:
            endpoint = _endpoint(request)
            if endpoint is None:
                return await original(client, request, *args, **kwargs)
            call = await gate.enter_async(endpoint, self._body(request, endpoint), True)
            if isinstance(call, Refusal):
                return self._refused(request, call)
            if call.ask.rewritten is not None:
                request = self._rewritten(request, call.ask.rewritten)
            token = gate.begin()
            try:
                response = await original(client, request, *args, **kwargs)
            except BaseException as error:
                call.failed(error)
                raise
            finally:
                gate.end(token)
            return self._metered(call, response, self._tee_async)

        setattr(send, _OURS, True)
        return send

    def _body(self, request: Any, endpoint: Endpoint) -> bytes | Fields | None:
        try:
            content: bytes = request.content
            return content
        except self._module.RequestNotRead:
            return _form(request)
        except Exception as error:  # noqa: BLE001 - not the agent's concern
            mishap.note("httpx.body", f"the body of a {endpoint.kind} cannot be read", error)
            return None

    def _rewritten(self, request: Any, body: bytes) -> Any:
        """Return the same request with another body."""
        apart = ("content-length", "transfer-encoding")
        headers = [pair for pair in request.headers.multi_items() if pair[0].lower() not in apart]
        return self._module.Request(
            request.method,
            request.url,
            headers=headers,
            content=body,
            extensions=request.extensions,
        )

    def _refused(self, request: Any, refusal: Refusal) -> Any:
        response = self._module.Response(
            refusal.status, headers=refusal.headers, content=refusal.body, request=request
        )
        response.elapsed = timedelta(0)
        return response

    def _metered(self, call: Call, response: Any, tee: Any) -> Any:
        """Meter what was read, or have it metered while it is read."""
        try:
            call.answered(response.status_code, response.headers)
            try:
                body = response.content
            except self._module.ResponseNotRead:
                response.stream = tee(call, response.stream)
            else:
                call.whole(body)
        except Exception as error:  # noqa: BLE001 - not the agent's concern
            mishap.note("httpx.metered", "an answer cannot be metered", error)
        return response


class _Tee:
    """A response's stream whose bytes the meter sees as they pass."""

    def __init__(self, call: Call, stream: Any) -> None:
        self._call = call
        self._inner = stream

    def __iter__(self) -> Iterator[bytes]:
        call = self._call
        try:
            for chunk in self._inner:
                call.chunk(chunk)
                yield chunk
        except BaseException as error:
            call.failed(error)
            raise
        call.finished()

    def close(self) -> None:
        """Close the stream; what was not read by now is not going to be."""
        try:
            self._inner.close()
        finally:
            self._call.left()

    def __getattr__(self, name: str) -> Any:
        return _of_inner(self, name)  # `elapsed`, and what other transports' streams have


class _AsyncTee:
    """The same for asynchronous clients."""

    def __init__(self, call: Call, stream: Any) -> None:
        self._call = call
        self._inner = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        call, stream = self._call, self._inner.__aiter__()
        try:
            async for chunk in stream:
                call.chunk(chunk)
                yield chunk
        except BaseException as error:
            call.failed(error)
            raise
        finally:
            if isinstance(stream, AsyncGenerator):
                await stream.aclose()
        call.finished()

    async def aclose(self) -> None:
        """Close the stream; what was not read by now is not going to be."""
        try:
            await self._inner.aclose()
        finally:
            self._call.left()

    def __getattr__(self, name: str) -> Any:
        return _of_inner(self, name)


def _of_inner(tee: Any, name: str) -> Any:
    if name == "_inner":  # a copy in the making has nothing yet
        raise AttributeError(name)
    return getattr(tee._inner, name)


def _endpoint(request: Any) -> Endpoint | None:
    try:
        url = request.url
        port = url.port or _PORTS.get(url.scheme, 0)
        return gate.endpoint(url.host, port, url.path, request.method, request.headers)
    except Exception as error:  # noqa: BLE001 - not the agent's concern
        mishap.note("httpx.endpoint", "a request was let through unseen", error)
        return None


def _form(request: Any) -> Fields | None:
    """Return the plain fields of a form that is not read yet; its files stay unread."""
    found = {}
    for part in getattr(request.stream, "fields", None) or ():
        name, value = getattr(part, "name", None), getattr(part, "value", None)
        if isinstance(name, str) and isinstance(value, str | bytes):
            found[name] = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
    return Fields(found) if found else None
