"""A TCP relay that does what networks do: delays, swallows, half-closes, cuts."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_PIECE = 1 << 16
_START_SECONDS = 10.0


class Relay:
    """Carries bytes from a port of its own to `host:port`, as it is told; from any thread.

    `delay`: seconds each piece is held, both ways. `swallowing`: nothing passes, and nobody is
    told, until it is off again; what came meanwhile is lost with its connection.
    """

    def __init__(self, target: str) -> None:
        host, _, port = target.rpartition(":")
        self.target = (host, int(port))
        self.delay = 0.0
        self.swallowing = False
        self.port = 0
        self.connections = 0
        self._loop = asyncio.new_event_loop()
        self._writers: set[asyncio.StreamWriter] = set()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="relay")

    @property
    def address(self) -> str:
        """Return `host:port` of the relay."""
        return f"127.0.0.1:{self.port}"

    def cut(self) -> None:
        """Break every connection there is."""
        self._do(lambda writer: writer.transport.abort())

    def half_close(self) -> None:
        """Say the end of every connection in both directions, and go on reading."""

        def end(writer: asyncio.StreamWriter) -> None:
            with suppress(OSError, RuntimeError):  # it has gone by itself
                writer.write_eof()

        self._do(end)

    def _do(self, what) -> None:  # type: ignore[no-untyped-def]
        def all_of_them() -> None:
            for writer in list(self._writers):
                what(writer)

        self._loop.call_soon_threadsafe(all_of_them)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.create_task(self._serve())
        self._loop.run_forever()
        left = asyncio.all_tasks(self._loop)
        for task in left:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        self._loop.close()

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        async with server:
            await server.serve_forever()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(writer)
        try:
            there, back = await asyncio.open_connection(*self.target)
        except OSError:
            writer.transport.abort()
            self._writers.discard(writer)
            return
        self._writers.add(back)
        try:
            await asyncio.gather(self._pass(reader, back), self._pass(there, writer))
        finally:
            for each in (writer, back):
                self._writers.discard(each)
                each.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):  # broken, which is what a relay passes on
            while piece := await reader.read(_PIECE):
                if self.delay:
                    await asyncio.sleep(self.delay)
                if self.swallowing:
                    await self._lost()
                    break
                writer.write(piece)
                await writer.drain()
            if writer.can_write_eof():
                writer.write_eof()
            return
        writer.transport.abort()

    async def _lost(self) -> None:
        while self.swallowing:
            await asyncio.sleep(0.05)


@contextmanager
def relaying(target: str) -> Iterator[Relay]:
    """Relay until the block ends."""
    relay = Relay(target)
    relay._thread.start()
    if not relay._ready.wait(_START_SECONDS):
        raise RuntimeError("the relay did not start")
    try:
        yield relay
    finally:
        relay._loop.call_soon_threadsafe(relay._loop.stop)
        relay._thread.join(_START_SECONDS)
