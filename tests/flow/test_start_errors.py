"""What keeps the manager from starting is said in one line, with exit code 1."""

import os
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import duckdb
import pytest
import yaml

from manager_agent.analytics.install import install
from manager_agent.app.dispatch import main
from manager_agent.receiver.content import Door
from manager_agent.store.duck import FactStore
from tests.harness.certificates import Authority, Pair
from tests.harness.manager import manager, run_command

SECRET = "notTheRealToken"

Obstacle = Callable[[Path], AbstractContextManager[list[str]]]
"""Data directory -> further options of `serve`, while the obstacle stands."""


@contextmanager
def taken_port(option: str) -> Iterator[list[str]]:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        yield [f"{option}={taken.getsockname()[1]}"]


def port(option: str) -> Obstacle:
    return lambda _: taken_port(option)


@contextmanager
def newer_schema(data: Path) -> Iterator[list[str]]:
    data.mkdir()
    path = data / "manager.duckdb"
    FactStore(path, Door(b"k" * 32), install).close()
    with duckdb.connect(str(path)) as con:
        con.execute("INSERT INTO schema_migrations VALUES (9999, 'from the future', now())")
    yield []


@contextmanager
def no_database(data: Path) -> Iterator[list[str]]:
    data.mkdir()
    (data / "manager.duckdb").write_bytes(b"this is no database" * 1000)
    yield []


@contextmanager
def short_key(data: Path) -> Iterator[list[str]]:
    data.mkdir()
    (data / "digest.key").write_bytes(b"short")
    yield []


@contextmanager
def data_dir_is_a_file(data: Path) -> Iterator[list[str]]:
    data.write_text("a file")
    yield []


def config(text: str) -> Obstacle:
    @contextmanager
    def written(data: Path) -> Iterator[list[str]]:
        path = data.with_name("broken.yaml")
        path.write_text(text, "utf-8")
        yield [f"--config={path}"]

    return written


@contextmanager
def host_option(data: Path) -> Iterator[list[str]]:
    yield ["--host=0.0.0.0"]


def tls(damage: Callable[[Pair], dict[str, Path]], section: str = "receiver") -> Obstacle:
    """Configure a good pair, but for what `damage` returns in place of its files."""

    @contextmanager
    def written(data: Path) -> Iterator[list[str]]:
        pair = Authority(data.with_name("ca")).pair("server")
        files = {"cert_file": pair.cert, "key_file": pair.key, **damage(pair)}
        named = {name: str(path) for name, path in files.items()}
        path = data.with_name("tls.yaml")
        path.write_text(yaml.safe_dump({section: {"tls": named}}), "utf-8")
        yield [f"--config={path}"]

    return written


def locked(pair: Pair) -> dict[str, Path]:
    path = pair.key.with_name("locked.key")
    command = ["openssl", "pkey", "-in", str(pair.key), "-aes256", "-passout", "pass:x"]
    subprocess.run([*command, "-out", str(path)], check=True, capture_output=True, timeout=60)
    return {"key_file": path}


def broken(pair: Pair) -> dict[str, Path]:
    path = pair.cert.with_name("broken.crt")
    path.write_text("-----BEGIN CERTIFICATE-----\nnot base64\n-----END CERTIFICATE-----\n", "utf-8")
    return {"cert_file": path}


def of_another(pair: Pair) -> dict[str, Path]:
    return {"key_file": Authority(pair.key.with_name("other")).pair("another").key}


LONG = "mgr_long-enough-to-be-one"

CASES = [
    pytest.param(
        config("receiver: {host: 0.0.0.0}"),
        ["receiver.host", "0.0.0.0", "receiver.tls and receiver.tokens", "allow_insecure"],
        id="open to all without protection",
    ),
    pytest.param(
        config(f"receiver: {{host: '::', tokens: [{LONG}]}}"),
        ["receiver.host: ::", "without receiver.tls anyone"],
        id="open to all without encryption",
    ),
    pytest.param(
        config("api: {host: 192.0.2.1}"),
        ["api.host", "192.0.2.1", "api.tls and api.tokens"],
        id="an API open to all",
    ),
    pytest.param(host_option, ["receiver.host", "receiver.tls"], id="--host open to all"),
    pytest.param(
        config("receiver: {host: 192.0.2.1, allow_insecure: true}"),
        ["192.0.2.1", "receiver.host"],
        id="no address of this machine",
    ),
    pytest.param(
        config("api: {host: no.such.invalid, allow_insecure: true}"),
        ["api.host", "no.such.invalid"],
        id="a name without an address",
    ),
    pytest.param(
        tls(lambda pair: {"cert_file": pair.cert.with_name("none.crt")}),
        ["receiver.tls.cert_file", "none.crt", "No such file", "PEM"],
        id="no certificate there",
    ),
    pytest.param(
        tls(lambda pair: {"key_file": pair.key.parent}),
        ["receiver.tls.key_file", "Is a directory"],
        id="a key that cannot be read",
    ),
    pytest.param(
        tls(lambda pair: {"cert_file": pair.key}),
        ["receiver.tls.cert_file", "server.key", "no certificate in PEM"],
        id="a key for a certificate",
    ),
    pytest.param(
        tls(lambda pair: {"key_file": pair.cert}),
        ["receiver.tls.key_file", "server.crt", "no private key in PEM"],
        id="a certificate for a key",
    ),
    pytest.param(
        tls(of_another),
        ["receiver.tls.key_file", "another.key", "server.crt", "made together"],
        id="a key of another certificate",
    ),
    pytest.param(
        tls(locked), ["receiver.tls.key_file", "locked.key", "passphrase"], id="a locked key"
    ),
    pytest.param(
        tls(broken), ["receiver.tls", "broken.crt", "cannot be used"], id="a broken certificate"
    ),
    pytest.param(
        tls(lambda pair: {"client_ca_file": pair.key}),
        ["receiver.tls.client_ca_file", "server.key"],
        id="a key for an authority",
    ),
    pytest.param(
        tls(lambda pair: {"cert_file": pair.cert.with_name("none.crt")}, "api"),
        ["api.tls.cert_file", "none.crt"],
        id="no certificate of the API",
    ),
    pytest.param(
        config("receiver: {tokens: [{token_file: /no/such.token}]}"),
        ["receiver.tokens[0].token_file", "/no/such.token", "No such file"],
        id="no token file",
    ),
    pytest.param(
        config("api: {tokens: [{token_env: NO_SUCH_TOKEN}]}"),
        ["api.tokens[0].token_env", "NO_SUCH_TOKEN", "set it"],
        id="no token in the environment",
    ),
    pytest.param(
        config(f"receiver: {{tokens: [{LONG}, {{token: {LONG}, agent: a}}]}}"),
        ["receiver.tokens[1]", "receiver.tokens[0]", "same token"],
        id="one token twice",
    ),
    pytest.param(
        config(f"receiver: {{tokens: [{{token: {LONG}, token_env: X}}]}}"),
        ["receiver.tokens[0]", "one of the three"],
        id="a token in two places",
    ),
    pytest.param(
        config(f"api: {{tokens: [{{token: {LONG}, agent: a}}]}}"),
        ["api", "agent"],
        id="an asker that is an agent",
    ),
    pytest.param(port("--otlp-grpc-port"), ["--otlp-grpc-port"], id="gRPC port in use"),
    pytest.param(port("--otlp-http-port"), ["--otlp-http-port"], id="HTTP port in use"),
    pytest.param(port("--api-port"), ["--api-port"], id="API port in use"),
    pytest.param(port("--metrics-port"), ["--metrics-port"], id="metrics port in use"),
    pytest.param(newer_schema, ["9999", "--data-dir"], id="newer schema"),
    pytest.param(no_database, ["manager.duckdb"], id="no database"),
    pytest.param(short_key, ["digest.key"], id="damaged key"),
    pytest.param(data_dir_is_a_file, ["--data-dir"], id="data directory is a file"),
    pytest.param(config("a: [1"), ["broken.yaml"], id="no YAML"),
    pytest.param(config("buget: {}"), ["buget", "budgets"], id="unknown key"),
    pytest.param(
        config("monitoring: {check_interval_seconds: often}"),
        ["monitoring.check_interval_seconds", "often"],
        id="wrong value",
    ),
    pytest.param(
        config(f"receiver: {{tokens: [{SECRET}]}}"),
        ["receiver.tokens[0].token", "16", "tokens new"],
        id="a token that can be guessed",
    ),
]


def serve(arguments: list[str]) -> int:
    """Run `serve` in this process, which is quicker than a new one; return its exit code.

    Should it serve after all, it is stopped: then the code is 0.
    """
    free = [f"--{name}-port=0" for name in ("otlp-grpc", "otlp-http", "api", "metrics")]
    stop = threading.Timer(20, os.kill, (os.getpid(), signal.SIGTERM))
    stop.start()
    try:
        return main(["serve", *free, *arguments])
    finally:
        stop.cancel()


@pytest.mark.parametrize(("obstacle", "words"), CASES)
def test_start(
    obstacle: Obstacle,
    words: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith(("MANAGER_", "SLACK_"))]:
        monkeypatch.delenv(name)
    data = tmp_path / "data"
    with obstacle(data) as options:
        code = serve([f"--data-dir={data}", *options])
    out, told = capfd.readouterr()

    assert code == 1
    assert out == ""
    assert "Traceback" not in told
    assert all(word in told for word in words), told
    assert len(told.splitlines()) <= 3
    assert SECRET not in told
    assert LONG not in told


def test_one_manager_a_directory(tmp_path: Path) -> None:
    """A second one is turned away and disturbs nobody; a killed one leaves no lock."""
    data = tmp_path / "data"
    with manager(data) as first:
        second = run_command("serve", f"--data-dir={data}", "--otlp-grpc-port=0")
        assert (second.returncode, second.stdout) == (1, "")
        assert "in use" in second.stderr
        assert "--data-dir" in second.stderr
        assert first.get("/api/v1/manager/status")["status"] == "ok"

        first.kill()
        names = ("otlp_grpc", "otlp_http", "api")
        same = {name: int(first.where[name].rpartition(":")[2]) for name in names}
        with manager(data, None, **same) as heir:
            assert {heir.where[name] for name in names} == {first.where[name] for name in names}
