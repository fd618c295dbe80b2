"""A channel that is encrypted, by OpenTelemetry's variables; and what is said where it fails."""

import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from manager_agent.instrumentation import destination
from manager_agent.instrumentation.channel import Channel
from manager_agent.instrumentation.sender import UnreachableError
from tests.harness.certificates import Authority
from tests.harness.talking_server import MIB, Served, serving

OTEL = "OTEL_EXPORTER_OTLP_"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def secured(authority: Authority) -> Iterator[Served]:
    pair = authority.pair("server")
    with serving(0, pair.key, pair.cert, authority.cert) as found:
        yield found


@pytest.fixture(scope="module")
def env(authority: Authority, secured: Served) -> dict[str, str]:
    """What an agent needs in its environment."""
    own = authority.pair("client")
    return {
        "MANAGER_ENDPOINT": f"https://127.0.0.1:{secured.port}",
        f"{OTEL}CERTIFICATE": str(authority.cert),
        f"{OTEL}CLIENT_CERTIFICATE": str(own.cert),
        f"{OTEL}CLIENT_KEY": str(own.key),
    }


def answer(env: dict[str, str], seconds: float = 20) -> bytes:
    channel = Channel(destination.manager(env))
    try:
        return channel.call("/t/echo", b"secret", seconds)
    finally:
        channel.close()


def test_both_show_who_they_are(env: dict[str, str]) -> None:
    assert answer(env) == b"secret"


def test_much_goes_both_ways_and_streams_do(env: dict[str, str]) -> None:
    channel = Channel(destination.manager(env))
    assert channel.call("/t/echo", bytes(8 * MIB), 60) == bytes(8 * MIB)
    stream = channel.open("/t/pour")
    stream.send([bytes(MIB)] * 8)
    stream.close(30)
    found = stream.receive(0)
    channel.close()

    assert (len(found), found[-1]) == (9, str(8 * MIB).encode())


@pytest.mark.parametrize(
    ("changed", "found", "remedy"),
    [
        ({f"{OTEL}CERTIFICATE": ""}, "not trusted", f"set {OTEL}CERTIFICATE"),
        (
            {f"{OTEL}CLIENT_CERTIFICATE": "", f"{OTEL}CLIENT_KEY": ""},
            "the TLS handshake failed",
            f"set {OTEL}CLIENT_CERTIFICATE and {OTEL}CLIENT_KEY",
        ),
        ({f"{OTEL}CERTIFICATE": "/no/such.pem"}, "/no/such.pem", f"correct {OTEL}CERTIFICATE"),
    ],
    ids=["authority", "own", "file"],
)
def test_what_is_missing_is_named(
    env: dict[str, str], changed: dict[str, str], found: str, remedy: str
) -> None:
    with pytest.raises(UnreachableError) as error:
        answer({**env, **changed})

    assert found in str(error.value)
    assert remedy in str(error.value)


def test_a_scheme_that_does_not_fit(env: dict[str, str], secured: Served) -> None:
    with pytest.raises(UnreachableError):
        answer({**env, "MANAGER_ENDPOINT": f"http://127.0.0.1:{secured.port}"})
    with serving() as plain, pytest.raises(UnreachableError, match="write http:// in place"):
        answer({**env, "MANAGER_ENDPOINT": f"https://127.0.0.1:{plain.port}"})


def test_a_certificate_for_another_name_is_not_trusted(
    env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    to = destination.manager(env)
    here = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", to.port))]
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: here)
    channel = Channel(replace(to, address=f"boss.example:{to.port}"))

    with pytest.raises(UnreachableError, match="not trusted: Hostname mismatch"):
        channel.call("/t/echo", b"", 20)
    channel.close()


def test_a_certificate_that_is_renewed_is_read_at_the_next_connection(
    env: dict[str, str], authority: Authority, tmp_path: Path
) -> None:
    """The file was of somebody else at first; nobody restarts the agent."""
    shown = tmp_path / "ca.crt"
    shown.write_bytes(Authority(tmp_path / "other").cert.read_bytes())
    channel = Channel(destination.manager({**env, f"{OTEL}CERTIFICATE": str(shown)}))
    with pytest.raises(UnreachableError, match="not trusted"):
        channel.call("/t/echo", b"", 20)

    shown.write_bytes(authority.cert.read_bytes())

    assert channel.call("/t/echo", b"x", 20) == b"x"
    channel.close()
