"""What keeps the manager from starting is said in one line, with exit code 1."""

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import duckdb
import pytest

from manager_agent.analytics.install import install
from manager_agent.app.dispatch import main
from manager_agent.receiver.content import Door
from manager_agent.store.duck import FactStore
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


CASES = [
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
