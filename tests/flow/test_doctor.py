"""`doctor` names what keeps an agent's spans from being taken: a token, a certificate, a scheme."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from manager_agent.instrumentation.check import Check
from manager_agent.instrumentation.doctor import checks
from tests.harness.certificates import Authority
from tests.harness.manager import Manager, manager

TOKEN = "mgr_doctor-doctor-doctor"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def secured(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Manager]:
    pair = authority.pair("server")
    tls = {
        "cert_file": str(pair.cert),
        "key_file": str(pair.key),
        "client_ca_file": str(authority.cert),
    }
    config = {"receiver": {"tls": tls, "tokens": [TOKEN]}}
    with manager(tmp_path_factory.mktemp("doctor") / "data", config) as found:
        yield found


@pytest.fixture(scope="module")
def env(authority: Authority, secured: Manager) -> dict[str, str]:
    """What an agent needs in its environment, all of it right."""
    client = authority.pair("client")
    return {
        "OTEL_EXPORTER_OTLP_ENDPOINT": secured.where["otlp_grpc"],
        "OTEL_EXPORTER_OTLP_HEADERS": f"authorization=Bearer%20{TOKEN}",
        "OTEL_EXPORTER_OTLP_CERTIFICATE": str(authority.cert),
        "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE": str(client.cert),
        "OTEL_EXPORTER_OTLP_CLIENT_KEY": str(client.key),
        "MANAGER_API_URL": secured.where["api"],
    }


def export(env: dict[str, str]) -> Check:
    [check] = [check for check in checks(env) if check.name == "OTLP export"]
    return check


def over_http(env: dict[str, str], secured: Manager) -> dict[str, str]:
    there = secured.where["otlp_http"]
    protocol = "http/protobuf"
    return {
        **env,
        "OTEL_EXPORTER_OTLP_ENDPOINT": there,
        "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
    }


def test_it_is_content(env: dict[str, str], secured: Manager) -> None:
    assert [check for check in checks(env) if not check.ok] == []
    assert export(over_http(env, secured)).ok


HEADERS = "OTEL_EXPORTER_OTLP_HEADERS"
CASES = [
    pytest.param({HEADERS: ""}, "a token is needed", HEADERS, id="no token"),
    pytest.param(
        {HEADERS: "", "MANAGER_TOKEN": TOKEN, "MANAGER_ENDPOINT": "http://127.0.0.1:1"},
        "MANAGER_TOKEN is for MANAGER_ENDPOINT (http://127.0.0.1:1) alone",
        "set MANAGER_ENDPOINT to it",
        id="a token for the manager, spans to elsewhere",
    ),
    pytest.param({HEADERS: "authorization=Bearer%20x"}, "refused", "not known", id="wrong token"),
    pytest.param(
        {"OTEL_EXPORTER_OTLP_CERTIFICATE": ""},
        "not trusted",
        "OTEL_EXPORTER_OTLP_CERTIFICATE",
        id="no authority",
    ),
    pytest.param(
        {"OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE": "", "OTEL_EXPORTER_OTLP_CLIENT_KEY": ""},
        "handshake failed",
        "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE",
        id="no certificate of its own",
    ),
    pytest.param(
        {"OTEL_EXPORTER_OTLP_CERTIFICATE": "/no/such.crt"}, "cannot be read", "OTLP", id="no file"
    ),
]


@pytest.mark.parametrize("protocol", ["grpc", "http"])
@pytest.mark.parametrize(("changed", "found", "remedy"), CASES)
def test_it_names_what_is_wrong(
    protocol: str,
    changed: dict[str, str],
    found: str,
    remedy: str,
    env: dict[str, str],
    secured: Manager,
) -> None:
    chosen = env if protocol == "grpc" else over_http(env, secured)

    check = export({**chosen, **changed})

    assert not check.ok
    assert found in check.found
    assert remedy in check.remedy
    assert TOKEN not in check.found + check.remedy


def test_a_scheme_that_does_not_fit(tmp_path: Path) -> None:
    with manager(tmp_path / "plain") as running:
        address = running.where["otlp_grpc"]
        plain = export({"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{address}"})
        encrypted = export({"OTEL_EXPORTER_OTLP_ENDPOINT": f"https://{address}"})

    assert plain.ok
    assert (encrypted.ok, encrypted.remedy.startswith("write http://")) == (False, True)


def test_encryption_that_was_not_expected(authority: Authority, tmp_path: Path) -> None:
    pair = authority.pair("other")
    tls = {"cert_file": str(pair.cert), "key_file": str(pair.key)}
    with manager(tmp_path / "tls", {"receiver": {"tls": tls}}) as running:
        plain = running.where["otlp_grpc"].replace("https://", "http://")
        check = export({"OTEL_EXPORTER_OTLP_ENDPOINT": plain})

    assert not check.ok
    assert "https://" in check.remedy
