"""Streams over a channel of our own: both directions at once, woken, lost and noticed."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from time import monotonic

import pytest

from manager_agent.instrumentation import keepalive
from manager_agent.instrumentation.channel import Channel, Stream
from manager_agent.instrumentation.keepalive import Keepalive
from manager_agent.instrumentation.sender import UnreachableError
from tests.harness.relay import relaying
from tests.harness.talking_server import MIB, Served, destination, serving


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serving() as found:
        yield found


@pytest.fixture
def channel(served: Served) -> Iterator[Channel]:
    found = Channel(served.to)
    yield found
    found.close()


def received(stream: Stream, number: int, seconds: float = 30) -> list[bytes]:
    """Return so many messages."""
    found: list[bytes] = []
    until = monotonic() + seconds
    while len(found) < number:
        assert monotonic() < until, f"{len(found)} messages of {number}"
        found += stream.receive(1)
    return found


def end(stream: Stream, seconds: float = 30) -> UnreachableError:
    """Return how a stream ended."""
    until = monotonic() + seconds
    try:
        while monotonic() < until:
            stream.receive(1)
    except UnreachableError as error:
        return error
    raise AssertionError("the stream goes on")


def test_messages_come_back_in_order(channel: Channel) -> None:
    stream = channel.open("/t/chat")
    said = [str(n).encode() for n in range(200)]

    for start in range(0, 200, 20):
        stream.send(said[start : start + 20])

    assert received(stream, 200) == said
    stream.close()


def test_nothing_comes_of_nothing(channel: Channel) -> None:
    stream = channel.open("/t/chat")

    assert stream.receive(0) == stream.receive(0.05) == []
    stream.close()


def test_both_may_say_much_before_either_listens(channel: Channel) -> None:
    stream = channel.open("/t/pour")
    stream.send([bytes(MIB)] * 8)

    assert received(stream, 8) == [bytes(MIB)] * 8
    stream.close(20)
    assert stream.receive(0) == [str(8 * MIB).encode()]


def test_calls_go_on_beside_a_stream(channel: Channel) -> None:
    stream = channel.open("/t/chat")
    stream.send([b"1"])
    answers = [channel.call("/t/echo", b"x", 20) for _ in range(10)]
    stream.send([b"2"])

    assert received(stream, 2) == [b"1", b"2"]
    assert answers == [b"x"] * 10
    assert len(channel._connections) == 1
    stream.close()


@pytest.mark.parametrize(
    ("last", "told"),
    [(b"end", "OK: the stream was ended there"), (b"fail", "UNAUTHENTICATED: who are you?")],
)
def test_what_came_before_the_end_is_not_lost(channel: Channel, last: bytes, told: str) -> None:
    stream = channel.open("/t/chat")
    stream.send([b"1", b"2", last])

    assert received(stream, 2) == [b"1", b"2"]
    assert told in str(end(stream))
    with pytest.raises(UnreachableError):
        stream.send([b"3"])


def test_a_manager_that_knows_no_such_stream(channel: Channel) -> None:
    assert end(channel.open("/t/nothing")).code == "UNIMPLEMENTED"


def test_nobody_there() -> None:
    channel = Channel(destination(1))

    with pytest.raises(UnreachableError, match="MANAGER_ENDPOINT"):
        channel.open("/t/chat")
    channel.close()


def test_what_was_sent_before_the_close_arrives(channel: Channel) -> None:
    stream = channel.open("/t/pour")
    stream.send([b"bye"])
    stream.close(20)

    assert stream.receive(0)[-1] == b"3"


# Waking


def test_a_wake_ends_a_wait(channel: Channel) -> None:
    stream = channel.open("/t/chat")
    stream.receive(0)
    waker = threading.Timer(0.1, channel.wake)
    waker.start()
    began = monotonic()

    assert stream.receive(30) == []

    assert 0.05 < monotonic() - began < 20
    waker.join()
    stream.close()


def test_a_wake_ends_the_next_wait_and_only_one(channel: Channel) -> None:
    stream = channel.open("/t/chat")
    stream.receive(0)
    for _ in range(100_000):  # nobody listens, and it does not block
        channel.wake()
    began = monotonic()

    assert stream.receive(30) == []
    between = monotonic()
    assert stream.receive(0.2) == []

    assert between - began < 20
    assert monotonic() - between >= 0.19
    stream.close()


def test_a_call_leaves_a_wake_to_the_stream(channel: Channel) -> None:
    stream = channel.open("/t/chat")
    stream.receive(0)
    channel.wake()
    channel.call("/t/echo", b"", 20)
    began = monotonic()

    assert stream.receive(30) == []

    assert monotonic() - began < 20
    stream.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here")
def test_a_childs_wake_does_not_wake_the_parent(channel: Channel) -> None:
    stream = channel.open("/t/chat")
    stream.receive(0)
    child = os.fork()
    if not child:
        channel.wake()
        channel.abandon()
        channel.wake()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    began = monotonic()

    assert stream.receive(0.2) == []

    assert monotonic() - began >= 0.19
    stream.send([b"still here"])
    assert received(stream, 1) == [b"still here"]
    stream.close()


# Losses


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask a silent server soon, and give it up soon."""
    monkeypatch.setattr(keepalive, "_SILENCE_SECONDS", 0.2)
    monkeypatch.setattr(keepalive, "_PATIENCE_SECONDS", 0.5)


def test_a_frozen_server_is_noticed(soon: None) -> None:
    with serving() as server:
        channel = Channel(server.to)
        stream = channel.open("/t/chat")
        stream.send([b"1"])
        received(stream, 1)
        server.process.send_signal(signal.SIGSTOP)

        assert "stopped answering" in str(end(stream))
        channel.close()


def test_a_silent_server_that_answers_is_not_given_up(soon: None, channel: Channel) -> None:
    stream = channel.open("/t/chat")
    stream.send([b"1"])
    received(stream, 1)
    until = monotonic() + 1.5
    while monotonic() < until:
        assert stream.receive(0.5) == []
    stream.send([b"2"])

    assert received(stream, 1) == [b"2"]
    stream.close()


def test_a_frozen_server_is_noticed_while_sending(soon: None) -> None:
    with serving() as server:
        channel = Channel(server.to)
        stream = channel.open("/t/chat")
        stream.receive(0.1)
        server.process.send_signal(signal.SIGSTOP)

        with pytest.raises(UnreachableError, match="stopped answering"):
            stream.send([bytes(MIB)] * 30)
        channel.close()


@pytest.mark.parametrize("way", ["swallow", "half_close", "cut"])
def test_a_network_that_fails_is_noticed(soon: None, served: Served, way: str) -> None:
    with relaying(served.port) as relay:
        channel = Channel(destination(relay.port))
        stream = channel.open("/t/chat")
        stream.send([b"1"])
        received(stream, 1)
        fail: Callable[[], None] = getattr(relay, way)
        fail()

        error = end(stream)
        channel.close()
    assert "stopped answering" in str(error) if way == "swallow" else "clos" in str(error)


def test_a_killed_server_is_noticed_and_another_stream_finds_the_next() -> None:
    with serving() as first:
        channel = Channel(first.to)
        stream = channel.open("/t/chat")
        stream.send([b"1"])
        received(stream, 1)
    lost = end(stream)
    stream.close()
    with serving(first.port):
        again = channel.open("/t/chat")
        again.send([b"2"])
        assert received(again, 1) == [b"2"]
        channel.close()

    assert "MANAGER_ENDPOINT" in str(lost)


def test_a_stream_goes_on_while_the_server_takes_leave() -> None:
    with serving() as server:
        channel = Channel(server.to)
        stream = channel.open("/t/chat")
        stream.send([b"1"])
        received(stream, 1)
        server.process.send_signal(signal.SIGTERM)
        while channel._connections[-1].usable:
            stream.receive(0.05)
        stream.send([b"2"])

        assert received(stream, 1) == [b"2"]
        stream.close()
        channel.close()
        assert server.process.wait(20) == 0


# When to ask, without waiting


def test_a_lease_outlives_no_silence() -> None:
    assert keepalive.LONGEST_SECONDS < 10 * 0.8


def test_a_silent_server_is_asked_then_given_up() -> None:
    alive = Keepalive(100.0)

    assert [alive.due(100.0 + late) for late in (0, 2.9, 3)] == [False, False, True]
    assert alive.next_in(101.0) == 2.0
    alive.asked(103.5)
    assert not alive.due(105.0)
    assert [alive.dead(103.5 + late) for late in (0, 2.9, 3)] == [False, False, True]
    assert alive.next_in(104.5) == 2.0
    alive.hear(106.0)
    assert not alive.dead(200.0)


def test_who_was_stopped_himself_asks_before_he_judges() -> None:
    alive = Keepalive(0.0)

    assert not alive.dead(1000.0)
    assert alive.due(1000.0)
