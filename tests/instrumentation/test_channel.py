"""Calls over a channel of our own, answered by gRPC's own library in another process."""

import json
import signal
import threading
from collections.abc import Iterator
from dataclasses import replace
from socket import socket
from time import monotonic

import pytest

from manager_agent.instrumentation.channel import Channel
from manager_agent.instrumentation.destination import Destination
from manager_agent.instrumentation.sender import GaveUpError, NotTakenError, UnreachableError
from tests.harness.relay import relaying
from tests.harness.talking_server import MIB, Served, destination, serving

REMEDY = "start `manager-agent serve`, or set MANAGER_ENDPOINT to where it runs"


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serving() as found:
        yield found


@pytest.fixture
def channel(served: Served) -> Iterator[Channel]:
    found = Channel(served.to)
    yield found
    found.close()


def refused(channel: Channel, method: str, payload: bytes, seconds: float = 20) -> NotTakenError:
    with pytest.raises(NotTakenError) as found:
        channel.call(method, payload, seconds)
    return found.value


def test_a_call_is_answered(channel: Channel) -> None:
    assert [channel.call("/t/echo", said, 20) for said in (b"hello", b"", bytes(100))] == [
        b"hello",
        b"",
        bytes(100),
    ]


def test_much_goes_both_ways(channel: Channel) -> None:
    assert channel.call("/t/size", bytes(20 * MIB), 60) == str(20 * MIB).encode()
    assert channel.call("/t/zeros", str(20 * MIB).encode(), 60) == bytes(20 * MIB)


def test_gzip_both_ways() -> None:
    with serving(compression="Gzip") as packing, relaying(packing.port) as relay:
        channel = Channel(destination(relay.port, compressed=True))
        assert channel.call("/t/size", bytes(20 * MIB), 60) == str(20 * MIB).encode()
        assert channel.call("/t/zeros", str(20 * MIB).encode(), 60) == bytes(20 * MIB)
        channel.close()
        assert relay.passed < MIB


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("INVALID_ARGUMENT", GaveUpError),
        ("UNIMPLEMENTED", GaveUpError),
        ("INTERNAL", GaveUpError),
        ("UNAVAILABLE", UnreachableError),
        ("RESOURCE_EXHAUSTED", UnreachableError),
        ("UNAUTHENTICATED", UnreachableError),
    ],
)
def test_refusals(channel: Channel, code: str, kind: type[NotTakenError]) -> None:
    error = refused(channel, "/t/fail", f"{code}:20 % too much\näöü".encode())

    assert type(error) is kind
    assert error.code == code
    assert f"({code}: 20 % too much\näöü)" in str(error)
    if code == "UNAUTHENTICATED":
        assert "MANAGER_TOKEN" in error.remedy
    assert channel.call("/t/echo", b"on", 20) == b"on"


def test_a_method_that_is_not_there(channel: Channel) -> None:
    error = refused(channel, "/t/nothing", b"")

    assert (type(error), error.code) == (GaveUpError, "UNIMPLEMENTED")


def test_a_deadline_is_kept_and_told(channel: Channel) -> None:
    began = monotonic()
    error = refused(channel, "/t/slow", b"30", 0.3)

    assert (type(error), error.code) == (UnreachableError, "DEADLINE_EXCEEDED")
    assert monotonic() - began < 10
    assert 10 < json.loads(channel.call("/t/metadata", b"", 20))["left"] <= 20


def test_metadata_goes_along(served: Served) -> None:
    channel = Channel(replace(served.to, headers=(("authorization", "Bearer t"), ("x-a", "b c"))))

    said = json.loads(channel.call("/t/metadata", b"", 20))

    channel.close()
    assert (said["authorization"], said["x-a"]) == ("Bearer t", "b c")
    assert said["user-agent"] == "manager-agent"


@pytest.mark.parametrize(
    "header", [("te", "gzip"), (":path", "/"), ("a b", "c"), ("a", "ü"), ("a", "b\nc"), ("", "c")]
)
def test_a_header_that_cannot_be_sent_is_named(served: Served, header: tuple[str, str]) -> None:
    channel = Channel(replace(served.to, headers=(header,)))

    error = refused(channel, "/t/echo", b"")

    channel.close()
    assert isinstance(error, GaveUpError)
    assert "OTEL_EXPORTER_OTLP_HEADERS" in str(error)


def test_nobody_there() -> None:
    with socket() as taken:
        taken.bind(("127.0.0.1", 0))
        channel = Channel(destination(taken.getsockname()[1]))
        error = refused(channel, "/t/echo", b"")

    channel.close()
    assert isinstance(error, UnreachableError)
    assert (
        str(error) == f"{error.args[0].split(' ')[0]} takes nothing (Connection refused): {REMEDY}"
    )


def test_a_name_that_is_none() -> None:
    channel = Channel(Destination("http://no.invalid:1", "no.invalid:1", False, False))

    error = refused(channel, "/t/echo", b"")

    channel.close()
    assert isinstance(error, UnreachableError)


def test_a_name_with_several_addresses(served: Served) -> None:
    """`localhost` is `::1` first, where nobody listens."""
    channel = Channel(replace(served.to, address=f"localhost:{served.port}"))

    assert channel.call("/t/echo", b"x", 20) == b"x"
    channel.close()


def test_an_address_that_swallows_everything_costs_its_share(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        with socket() as first, socket() as second:
            for each in (first, second):  # its queue is full: the next waits for ever
                each.setblocking(False)
                each.connect_ex(full.getsockname())
            found = [
                (*kind, "", address)
                for kind in [(2, 1, 6)]
                for address in (full.getsockname(), ("127.0.0.1", served.port))
            ]
            monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: found)
            channel = Channel(replace(served.to, address="two.example:1"))
            assert channel.call("/t/echo", b"x", 8) == b"x"
            channel.close()


def test_a_server_that_comes_back_is_found() -> None:
    with serving() as first:
        channel = Channel(first.to)
        assert channel.call("/t/echo", b"1", 20) == b"1"
    gone = refused(channel, "/t/echo", b"2")
    with serving(first.port):
        again = channel.call("/t/echo", b"3", 20)
        channel.close()

    assert isinstance(gone, UnreachableError)
    assert again == b"3"


def test_a_restart_between_two_calls_is_not_noticed() -> None:
    with serving() as first:
        channel = Channel(first.to)
        assert channel.call("/t/echo", b"1", 20) == b"1"
    with serving(first.port):
        assert channel.call("/t/echo", b"2", 20) == b"2"
        channel.close()


def test_a_call_under_way_is_answered_by_a_server_that_takes_leave() -> None:
    """It says GOAWAY first; after that `h2` alone would take no more frames."""
    with serving() as server:
        channel = Channel(server.to)
        channel.call("/t/echo", b"", 20)
        threading.Timer(0.3, server.process.send_signal, [signal.SIGTERM]).start()

        assert channel.call("/t/slow", b"1.5", 20) == b"late"
        assert isinstance(refused(channel, "/t/echo", b"", 1), UnreachableError)
        channel.close()
        assert server.process.wait(20) == 0


def test_a_frozen_server_costs_the_deadline_and_the_next_call_connects_anew() -> None:
    with serving() as server:
        channel = Channel(server.to)
        channel.call("/t/echo", b"", 20)
        old = channel._connections[-1]
        server.process.send_signal(signal.SIGSTOP)
        error = refused(channel, "/t/echo", b"", 0.3)
        server.process.send_signal(signal.SIGCONT)

        assert channel.call("/t/echo", b"x", 20) == b"x"
        assert channel._connections[-1] is not old
        channel.close()
    assert error.code == "DEADLINE_EXCEEDED"


def test_a_channel_that_was_closed_says_so_and_closing_twice_does_no_harm(served: Served) -> None:
    channel = Channel(served.to)
    channel.call("/t/echo", b"", 20)
    channel.close()
    channel.close()
    channel.wake()
    channel.abandon()
