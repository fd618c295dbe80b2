"""Which failures are certain to have cost nothing: real ones, of each client."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from typing import Any

import aiohttp
import botocore.exceptions
import httpx
import pytest
import requests

from manager_agent.instrumentation.unsent import unsent


@pytest.fixture
def nobody() -> str:
    """Return where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{taken.getsockname()[1]}/v1"


@pytest.fixture
def rude() -> Iterator[str]:
    """Serve connections that are closed once the request was read."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(20)

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/v1"
        thread.join(20)


async def _by_aiohttp(url: str) -> None:
    async with aiohttp.ClientSession() as session, session.post(url, data=b"{}"):
        pass


CLIENTS = [
    pytest.param(lambda url: httpx.post(url, content=b"{}"), id="httpx"),
    pytest.param(lambda url: requests.post(url, data=b"{}", timeout=20), id="requests"),
    pytest.param(lambda url: asyncio.run(_by_aiohttp(url)), id="aiohttp"),
]


@pytest.mark.parametrize("post", CLIENTS)
def test_no_connection_is_had(post: Any, nobody: str) -> None:
    with pytest.raises(Exception) as failed:  # noqa: PT011 - each client has its own
        post(nobody)

    assert unsent(failed.value)


@pytest.mark.parametrize("post", CLIENTS)
def test_what_was_read_and_not_answered_may_have_been_billed(post: Any, rude: str) -> None:
    with pytest.raises(Exception) as failed:  # noqa: PT011 - each client has its own
        post(rude)

    assert not unsent(failed.value)


@pytest.mark.parametrize(
    ("error", "never_left"),
    [
        (botocore.exceptions.EndpointConnectionError(endpoint_url="x"), True),
        (botocore.exceptions.ConnectTimeoutError(endpoint_url="x"), True),
        (botocore.exceptions.ConnectionClosedError(endpoint_url="x"), False),
        (botocore.exceptions.ReadTimeoutError(endpoint_url="x"), False),
        (httpx.PoolTimeout("x"), True),
        (httpx.ReadTimeout("x"), False),
        (httpx.WriteError("x"), False),
        (httpx.RemoteProtocolError("x"), False),
        (TimeoutError("x"), False),
        (KeyboardInterrupt(), False),
    ],
)
def test_by_name(error: BaseException, never_left: bool) -> None:
    assert unsent(error) is never_left
