"""Which proxy is between an agent and its manager, and that a tunnel through it works."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from manager_agent.instrumentation import connecting
from manager_agent.instrumentation.channel import Channel
from manager_agent.instrumentation.destination import Destination
from manager_agent.instrumentation.proxy import Proxy, is_loopback, proxy
from manager_agent.instrumentation.sender import UnreachableError
from tests.harness.talking_server import serving

P = "http://gate:3128"


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        pytest.param({}, None, id="none"),
        pytest.param({"http_proxy": P}, Proxy("http_proxy", "gate", 3128), id="http"),
        pytest.param({"HTTPS_PROXY": "gate"}, Proxy("HTTPS_PROXY", "gate", 80), id="no scheme"),
        pytest.param(
            {"http_proxy": "http://other", "grpc_proxy": P},
            Proxy("grpc_proxy", "gate", 3128),
            id="that for gRPC first",
        ),
        pytest.param(
            {"https_proxy": "http://ann:p%40ss@gate:3128"},
            Proxy("https_proxy", "gate", 3128, "Basic YW5uOnBAc3M="),
            id="a user",
        ),
        pytest.param({"https_proxy": "socks5://gate:1"}, None, id="a kind that is not known"),
        pytest.param({"http_proxy": P, "no_proxy": "boss.example"}, None, id="exempt"),
        pytest.param({"http_proxy": P, "NO_PROXY": "a, .example"}, None, id="by its domain"),
        pytest.param({"http_proxy": P, "no_proxy": "*"}, None, id="all exempt"),
        pytest.param(
            {"http_proxy": P, "no_proxy": "ss.example,"},
            Proxy("http_proxy", "gate", 3128),
            id="another domain",
        ),
        pytest.param(
            {"http_proxy": P, "no_proxy": "boss.example", "no_grpc_proxy": "x"},
            Proxy("http_proxy", "gate", 3128),
            id="what is said of gRPC counts",
        ),
    ],
)
def test_which(env: dict[str, str], expected: Proxy | None) -> None:
    assert proxy("boss.example", env) == expected


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost", "LOCALHOST."])
def test_loopback_never_goes_through_one(host: str) -> None:
    assert is_loopback(host)
    assert proxy(host, {"grpc_proxy": P}) is None


def test_networks_are_exempt() -> None:
    env = {"http_proxy": P, "no_proxy": "10.0.0.0/8"}

    assert proxy("10.1.2.3", env) is None
    assert proxy("11.1.2.3", env) is not None


@contextmanager
def gate(answer: bytes, to: int) -> Iterator[tuple[int, list[bytes]]]:
    """Serve one tunnel: answer, then pass on. Yield the port, and what was asked."""
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            near = listening.accept()[0]
            far = socket.create_connection(("127.0.0.1", to))
            with near, far:
                while not b"".join(asked).endswith(b"\r\n\r\n"):
                    asked.append(near.recv(4096))
                near.sendall(answer)
                if b" 200 " not in answer:
                    return
                back = threading.Thread(target=carry, args=(far, near))
                back.start()
                carry(near, far)
                back.join()

        thread = threading.Thread(target=serve)
        thread.start()
        yield listening.getsockname()[1], asked
        thread.join(20)


def carry(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        return  # the other way has ended it


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (b"HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n", ""),
        (b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "answers HTTP/1.1 407 Proxy"),
        (b"SSH-2.0\r\n\r\n", "answers SSH-2.0"),
    ],
)
def test_a_tunnel(answer: bytes, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving() as served, gate(answer, served.port) as (port, asked):
        found = Proxy("http_proxy", "127.0.0.1", port, "Basic x")
        monkeypatch.setattr(connecting, "proxy", lambda *_: found)
        channel = Channel(Destination("http://boss:9", "boss:9", False, False))
        if told:
            with pytest.raises(UnreachableError, match=told):
                channel.call("/t/echo", b"x", 20)
        else:
            assert channel.call("/t/echo", b"x", 20) == b"x"
        channel.close()

    assert asked[0].startswith(b"CONNECT boss:9 HTTP/1.1\r\nHost: boss:9\r\n")
    assert b"Proxy-Authorization: Basic x" in asked[0]
