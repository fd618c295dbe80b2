"""The seam in aiohttp: `ClientSession._request`, through which all of its requests go.

The one client that cannot be answered: a refusal is raised, as an error of aiohttp's own with the
status of the answer that it would have been.
"""

from collections.abc import Awaitable, Callable
from functools import wraps
from types import ModuleType
from typing import Any
from weakref import ref

from manager_agent.instrumentation import gate, mishap
from manager_agent.instrumentation.endpoint import Endpoint
from manager_agent.instrumentation.meter import Call
from manager_agent.instrumentation.refusal import Refusal

_OURS = "__manager_agent__"


def patch(module: ModuleType) -> None:
    """Put the seam into `aiohttp`; a second time changes nothing."""
    session = module.ClientSession
    if not hasattr(session._request, _OURS):
        session._request = _Seam(module).around(session._request)


class _Seam:
    def __init__(self, module: ModuleType) -> None:
        self._module = module
        self._error = type("RefusedError", (module.ClientResponseError,), {"__doc__": _ERROR_DOC})
        bases, slots = (_Reading, module.StreamReader), {"__slots__": ("_metered",)}
        self._content = type("MeteredReader", bases, slots)

    def around(self, original: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        """Return `ClientSession._request` with the seam around it."""

        @wraps(original)
        async def _request(session: Any, method: str, url: Any, *args: Any, **kwargs: Any) -> Any:
            endpoint = self._endpoint(session, method, url, kwargs)
            if endpoint is None:
                return await original(session, method, url, *args, **kwargs)
            call = await gate.enter_async(endpoint, _body(session, kwargs))
            if isinstance(call, Refusal):
                raise self._refused(method, url, call)
            token = gate.begin()
            try:
                response = await original(session, method, url, *args, **kwargs)
            except BaseException as error:
                self._failed(call, error)
                raise
            finally:
                gate.end(token)
            return self._metered(call, session, response, kwargs)

        setattr(_request, _OURS, True)
        return _request

    def _endpoint(self, session: Any, method: str, url: Any, kwargs: Any) -> Endpoint | None:
        try:
            address = _address(session, url)
            headers = kwargs.get("headers") or {}
            return gate.endpoint(
                address.host or "", address.port or 0, address.raw_path, method.upper(), headers
            )
        except Exception as error:  # noqa: BLE001 - not the agent's concern
            mishap.note("aiohttp.endpoint", "a request was let through unseen", error)
            return None

    def _refused(self, method: str, url: Any, refusal: Refusal) -> Exception:
        from multidict import CIMultiDict, CIMultiDictProxy
        from yarl import URL

        headers = CIMultiDictProxy(CIMultiDict(refusal.headers))
        address = URL(url)
        info = self._module.RequestInfo(address, method.upper(), headers, address)
        error: Exception = self._error(
            info, (), status=refusal.status, message=refusal.message, headers=headers
        )
        return error

    def _failed(self, call: Call, error: BaseException) -> None:
        if isinstance(error, self._module.ClientResponseError) and error.status:
            call.answered(error.status, error.headers or {})  # `raise_for_status`: it did answer
            call.finished()
        else:
            call.failed(error)

    def _metered(self, call: Call, session: Any, response: Any, kwargs: Any) -> Any:
        try:
            call.answered(response.status, response.headers)
            if type(response.content) is not self._module.StreamReader:  # there is no body
                call.finished()
                return response
            decoded = kwargs.get("auto_decompress")
            decoded = session.auto_decompress if decoded is None else decoded
            reader: Any = object.__new__(self._content)
            object.__setattr__(reader, "_metered", (call, response.content, decoded))
            response.content = reader
            for name in ("close", "release"):
                setattr(response, name, _leaving(call, response, name))
        except Exception as error:  # noqa: BLE001 - not the agent's concern
            mishap.note("aiohttp.metered", "an answer cannot be metered", error)
        return response


_ERROR_DOC = """The call was refused before it left; `status` is 402, or 503 of an open breaker."""


class _Reading:
    """Stands for a response's content; what is read of it, by whatever method, is metered once.

    Everything but reading is the reader's own. Its iterators are built from these methods.
    """

    __slots__ = ()

    def __getattribute__(self, name: str) -> Any:
        found = object.__getattribute__(self, "_metered")
        if name == "_metered":
            return found
        if name in _READS or name in _ITERATES:
            return object.__getattribute__(self, name)
        return getattr(found[1], name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._metered[1], name, value)

    async def read(self, *args: Any) -> Any:
        return await self._waited("read", args)

    async def readany(self) -> Any:
        return await self._waited("readany", ())

    async def readline(self, *args: Any, **kwargs: Any) -> Any:
        return await self._waited("readline", args, kwargs)

    async def readuntil(self, *args: Any, **kwargs: Any) -> Any:
        return await self._waited("readuntil", args, kwargs)

    async def readexactly(self, *args: Any) -> Any:
        return await self._waited("readexactly", args)

    async def readchunk(self) -> Any:
        piece, ends = await self._guarded(self._metered[1].readchunk())
        return self._saw(piece), ends

    def read_nowait(self, *args: Any) -> Any:
        return self._saw(self._metered[1].read_nowait(*args))

    async def _waited(self, name: str, args: Any, kwargs: Any = None) -> Any:
        reading = getattr(self._metered[1], name)(*args, **(kwargs or {}))
        return self._saw(await self._guarded(reading))

    async def _guarded(self, reading: Awaitable[Any]) -> Any:
        try:
            return await reading
        except BaseException as error:
            self._metered[0].failed(error)
            raise

    def _saw(self, piece: bytes) -> bytes:
        call, inner, decoded = self._metered
        if piece:
            call.chunk(piece, decoded=decoded)
        if inner.at_eof():
            call.finished()
        return piece


_READS = frozenset(
    (
        *("read", "readany", "readline", "readuntil", "readexactly", "readchunk", "read_nowait"),
        *("_waited", "_guarded", "_saw"),
    )
)
_ITERATES = frozenset(("iter_chunked", "iter_any", "iter_chunks", "__class__"))


def _leaving(call: Call, response: Any, name: str) -> Callable[[], Any]:
    """Return the response's `close` or `release`, which also ends the call."""
    held, method = ref(response), getattr(type(response), name)  # no cycle: refcounts free it

    def leave() -> Any:
        alive = held()
        try:
            return None if alive is None else method(alive)
        finally:
            call.left()

    return leave


def _address(session: Any, url: Any) -> Any:
    from yarl import URL

    address = URL(url)
    base = getattr(session, "_base_url", None)
    return address if address.absolute or base is None else base.join(address)


def _body(session: Any, kwargs: Any) -> bytes | None:
    """Return the body where it is in memory; forms, files and generators are not touched."""
    try:
        if kwargs.get("json") is not None:
            text: str = session.json_serialize(kwargs["json"])
            return text.encode()
        data = kwargs.get("data")
        if isinstance(data, str):
            return data.encode()
        return bytes(data) if isinstance(data, bytes | bytearray) else None
    except Exception as error:  # noqa: BLE001 - not the agent's concern
        mishap.note("aiohttp.body", "a request's body cannot be read", error)
        return None
