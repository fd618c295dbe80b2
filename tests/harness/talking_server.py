"""A server of gRPC's own library, in a process of its own: it can be frozen, and ended politely.

Prints its port. SIGTERM ends it, calls under way first.
"""

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc

from manager_agent.instrumentation.destination import Destination

ROOT = Path(__file__).parent.parent.parent
MIB = 1024 * 1024
GRACE_SECONDS = 5.0


async def echo(message: bytes, context: Any) -> bytes:
    return message


async def size(message: bytes, context: Any) -> bytes:
    return str(len(message)).encode()


async def zeros(message: bytes, context: Any) -> bytes:
    return bytes(int(message))


async def fail(message: bytes, context: Any) -> bytes:
    code, _, why = message.decode().partition(":")
    await context.abort(grpc.StatusCode[code], why)
    raise AssertionError("abort returned")


async def slow(message: bytes, context: Any) -> bytes:
    await asyncio.sleep(float(message))
    return b"late"


async def metadata(message: bytes, context: Any) -> bytes:
    left = context.time_remaining()
    return json.dumps({**dict(context.invocation_metadata()), "left": left}).encode()


async def chat(messages: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
    """Answer each with itself; `end` ends it, `fail` refuses to go on."""
    async for message in messages:
        if message == b"end":
            return
        if message == b"fail":
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, "who are you?")
        yield message


async def pour(messages: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
    """Say 8 MiB before listening; then tell how much was heard."""
    for _ in range(8):
        yield bytes(MIB)
    heard = 0
    async for message in messages:
        heard += len(message)
    yield str(heard).encode()


METHODS = {
    **{
        f"/t/{act.__name__}": grpc.unary_unary_rpc_method_handler(act)
        for act in (echo, size, zeros, fail, slow, metadata)
    },
    **{f"/t/{act.__name__}": grpc.stream_stream_rpc_method_handler(act) for act in (chat, pour)},
}


class _Service(grpc.GenericRpcHandler):  # type: ignore[misc]
    def service(self, details: Any) -> Any:
        return METHODS.get(details.method)


async def serve(port: int, compression: str, *pems: str) -> None:
    """Serve until SIGTERM; `pems`: key, certificate, and who signs clients."""
    server = grpc.aio.server(
        compression=grpc.Compression[compression],
        options=[
            ("grpc.max_receive_message_length", -1),
            ("grpc.so_reuseport", 0),
            # As the manager's has it; without, three questions of a quiet client end all.
            ("grpc.http2.min_ping_interval_without_data_ms", 100),
        ],
    )
    server.add_generic_rpc_handlers((_Service(),))
    address = f"127.0.0.1:{port}"
    if pems:
        key, cert, *authority = (Path(pem).read_bytes() for pem in pems)
        credentials = grpc.ssl_server_credentials(
            [(key, cert)], *authority, require_client_auth=bool(authority)
        )
        bound = server.add_secure_port(address, credentials)
    else:
        bound = server.add_insecure_port(address)
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    await server.start()
    print(bound, flush=True)
    await ended.wait()
    await server.stop(GRACE_SECONDS)


@dataclass(frozen=True, slots=True)
class Served:
    """A server that runs."""

    process: "subprocess.Popen[str]"
    port: int

    @property
    def to(self) -> Destination:
        """Where it is."""
        return destination(self.port)


def destination(port: int, **more: Any) -> Destination:
    """Return a port of this machine as a destination."""
    address = f"127.0.0.1:{port}"
    return Destination(f"http://{address}", address, False, False, **more)


@contextmanager
def serving(port: int = 0, *pems: Path, compression: str = "NoCompression") -> Iterator[Served]:
    """Serve from another process."""
    words = [str(port), compression, *map(str, pems)]
    command = [sys.executable, "-m", "tests.harness.talking_server", *words]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout is not None
    try:
        yield Served(process, int(process.stdout.readline()))
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), *sys.argv[2:]))
