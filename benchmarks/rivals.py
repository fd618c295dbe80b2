"""Other receivers of OTLP that pip installs, each in an environment of its own under .cache/rivals.

The same load, from the same exporters, with each rival's own defaults (but one worker of mlflow).
They do other things with a span than the manager does, and more of some; a sender sees exactly
these figures.
"""

import os
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from manager_agent.app.bench.exporters import Order
from manager_agent.app.bench.fleet import FleetError, fleet
from manager_agent.app.bench.measure import Case, Receiver, measure
from manager_agent.app.bench.payload import Shape
from manager_agent.app.demo.children import clean_environment, kill_group

CACHE = Path(__file__).parent.parent / ".cache" / "rivals"

_START_SECONDS = 180.0
_LEAST_SECONDS = 30.0
"""A rival may need many seconds for one request; a shorter look would see none."""
_WARM_UP_SECONDS = 45.0
"""mlflow takes twenty seconds for its first request; that is not held against it."""
_PATIENCE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Place:
    """Where a rival may work: its directory, and two free ports."""

    folder: Path
    port: int
    grpc_port: int


@dataclass(frozen=True, slots=True)
class Rival:
    """One receiver. `target` is where spans go, `alive` what answers when it serves."""

    name: str
    package: str
    command: Callable[[Place], list[str]]
    environment: Callable[[Place], Mapping[str, str]]
    target: Callable[[Place], str]
    database: str
    headers: Mapping[str, str] = field(default_factory=dict)
    alive: str = "/"


RIVALS = [
    Rival(
        name="phoenix",
        package="arize-phoenix",
        command=lambda place: ["phoenix", "serve"],
        environment=lambda place: {
            "PHOENIX_HOST": "127.0.0.1",
            "PHOENIX_PORT": str(place.port),
            "PHOENIX_GRPC_PORT": str(place.grpc_port),
            "PHOENIX_WORKING_DIR": str(place.folder),
            "PHOENIX_TELEMETRY_ENABLED": "false",
        },
        target=lambda place: f"127.0.0.1:{place.grpc_port}",
        database="phoenix.db",
    ),
    Rival(
        name="mlflow",
        package="mlflow",
        command=lambda place: [
            # Of its four workers on two busy cores some are always being replaced as unresponsive.
            *("mlflow", "server", "--workers", "1"),
            *("--host", "127.0.0.1", "--port", str(place.port)),
            *("--backend-store-uri", f"sqlite:///{place.folder / 'mlflow.db'}"),
            *("--default-artifact-root", str(place.folder / "artifacts")),
        ],
        environment=lambda place: {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"},
        target=lambda place: f"http://127.0.0.1:{place.port}/v1/traces",
        database="mlflow.db",
        headers={"x-mlflow-experiment-id": "0"},
        alive="/health",
    ),
]


def measure_rival(rival: Rival, shape: Shape, seconds: float) -> dict[str, Any]:
    """Return a rival's figures at 8 exporters, or under `error` why there are none."""
    print(f"rival {rival.name}: installing, starting (a minute or two) ...", file=sys.stderr)
    try:
        return _measure(rival, shape, max(seconds, _LEAST_SECONDS))
    except (FleetError, OSError, subprocess.CalledProcessError, sqlite3.Error) as error:
        return {"error": str(error)}


def _measure(rival: Rival, shape: Shape, seconds: float) -> dict[str, Any]:
    home = _installed(rival)
    with tempfile.TemporaryDirectory(prefix="manager-bench-") as name:
        place = Place(Path(name), *_free_ports(2))
        program, *options = rival.command(place)
        started = time.monotonic()
        with (place.folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [str(home / "bin" / program), *options],
                stdout=log,
                stderr=log,
                cwd=place.folder,
                env={**clean_environment(os.environ), **rival.environment(place)},
                start_new_session=True,
            )
        try:
            _wait_alive(process, f"http://127.0.0.1:{place.port}{rival.alive}", place.folder)
            start = time.monotonic() - started
            receiver = Receiver(
                process.pid,
                rival.target(place),
                rival.headers,
                lambda: _count(place.folder / rival.database),
            )
            _warm_up(receiver, shape)
            figures = measure(
                receiver, Case(8, shape), seconds, patience=_PATIENCE_SECONDS, first=8
            )
        finally:
            _end(process)
    return {**figures.as_json(), "version": _version(rival, home), "start_seconds": start}


def _warm_up(receiver: Receiver, shape: Shape) -> None:
    order = Order(receiver.target, shape, headers=dict(receiver.headers), exporters=8)
    with fleet(order, _WARM_UP_SECONDS) as running:
        running.seen()


def _installed(rival: Rival) -> Path:
    """Return the environment of a rival, made if it is not there yet."""
    home = CACHE / rival.name
    pip = [str(home / "bin" / "pip"), "--disable-pip-version-check"]
    if not (home / "bin" / rival.command(Place(home, 0, 0))[0]).exists():
        subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
        subprocess.run([*pip, "install", "--quiet", rival.package], check=True)
    return home


def _version(rival: Rival, home: Path) -> str:
    asked = f"from importlib.metadata import version; print(version({rival.package!r}))"
    done = subprocess.run(
        [str(home / "bin" / "python"), "-c", asked], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def _wait_alive(process: "subprocess.Popen[bytes]", url: str, folder: Path) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with opener.open(url, timeout=5):
                return
        except urllib.error.HTTPError as error:
            with error:  # it answers; with what is its own business
                return
        except OSError:
            time.sleep(0.5)  # the condition above, polled
    tail = (folder / "log").read_text("utf-8", "replace")[-2000:]
    raise FleetError(f"it does not serve at {url} (exit code {process.poll()}): {tail}")


def _count(database: Path) -> int:
    """Return how many spans its database holds; read only, beside its own writes."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=60)) as con:
        return int(con.execute("SELECT count(*) FROM spans").fetchone()[0])


def _free_ports(number: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    ports = [int(each.getsockname()[1]) for each in sockets]
    for each in sockets:
        each.close()
    return ports


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    kill_group(process.pid)
