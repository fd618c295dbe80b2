"""A real `manager-agent serve` on free ports: started, asked, stopped or killed, always reaped."""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pyarrow as pa
import yaml

START_SECONDS = 60.0
"""How long a start may take on a machine with much else to do."""

NO_REPORTS = {"hourly": False, "daily": False, "weekly": False}
"""Else a test that runs past a full hour is told of it, too."""

WAITS = {"journal_after_ms": 60_000}
"""Answered means stored, as on a machine that has nothing else to do: tests look right after."""

KILLED: list[Path] = []
"""Data directories of managers ended by kill -9, one for each time; told at the end of the run."""

Rows = list[dict[str, Any]]
T = TypeVar("T")


def command(data_dir: Path, **ports: int) -> list[str]:
    """Return the command line of `serve`, with the configuration that lies beside `data_dir`.

    A port that is not named is a free one.
    """
    chosen = {"otlp_grpc": 0, "otlp_http": 0, "api": 0, "metrics": 0, **ports}
    options = [f"--{name.replace('_', '-')}-port={port}" for name, port in chosen.items()]
    module = [sys.executable, "-m", "manager_agent.app.dispatch", "serve"]
    return [*module, f"--data-dir={data_dir}", f"--config={_config_of(data_dir)}", *options]


def _config_of(data_dir: Path) -> Path:
    return data_dir.with_suffix(".yaml")


def environment(**more: str) -> dict[str, str]:
    """Return an environment in which nothing of the user's own configuration is left."""
    foreign = ("MANAGER_", "SLACK_", "OTEL_", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
    kept = {k: v for k, v in os.environ.items() if not k.upper().startswith(foreign)}
    return {**kept, "NO_PROXY": "*", **more}


class Manager:
    """One process of the manager. `where` holds the addresses of its `ready` line."""

    def __init__(
        self, data_dir: Path, config: Mapping[str, Any] | None = None, **ports: int
    ) -> None:
        """Start it and wait until it says `ready`. Raises `AssertionError` with its log."""
        self.data_dir = data_dir
        data_dir.parent.mkdir(parents=True, exist_ok=True)
        asked = config or {}
        receiver = {**WAITS, **asked.get("receiver", {})}
        whole = {"reports": NO_REPORTS, **asked, "receiver": receiver}
        _config_of(data_dir).write_text(yaml.safe_dump(whole), "utf-8")
        self.log_path = data_dir.with_suffix(".log")
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                command(data_dir, **ports),
                stdout=subprocess.PIPE,
                stderr=log,
                env=environment(),
                cwd=data_dir.parent,  # away from the configuration in the repository
                start_new_session=True,
                text=True,
            )
        try:
            self.where: dict[str, str] = self._ready()
        except BaseException:
            self.reap()
            raise
        self._client = httpx.Client(base_url=self.where["api"], timeout=60, trust_env=False)

    @property
    def pid(self) -> int:
        """The process's id."""
        return self.process.pid

    def log(self) -> str:
        """Return what it wrote to stderr so far, of all its starts on this data directory."""
        return self.log_path.read_text("utf-8", "replace")

    def sql(self, query: str, *params: Any) -> Rows:
        """Return the rows of a query over everything acknowledged so far."""
        body = {"query": query, "params": list(params), "format": "json", "fresh": True}
        answer = self._client.post("/api/v1/sql", json=body)
        assert answer.status_code == 200, f"{query}: {answer.text}\n{self.log()}"
        table = answer.json()
        assert not table.get("truncated"), f"{query}: too many rows"
        return [dict(zip(table["columns"], row, strict=True)) for row in table["rows"]]

    def column(self, query: str) -> list[Any]:
        """Return the one column of a query over all that was acknowledged; a million rows fit."""
        body = {"query": query, "format": "arrow", "fresh": True}
        answer = self._client.post("/api/v1/sql", json=body)
        assert answer.status_code == 200, f"{query}: {answer.text}\n{self.log()}"
        with pa.ipc.open_stream(answer.content) as table:
            return list(table.read_all().column(0).to_pylist())

    def calls_of(self, agent: str) -> int:
        """Return how many calls `llm_calls` has of an agent."""
        rows = self.sql("SELECT count(*) AS n FROM llm_calls WHERE agent = ?", agent)
        return int(rows[0]["n"])

    def get(self, path: str) -> Any:
        """Return the JSON that `GET path` of the API answers."""
        answer = self._client.get(path)
        assert answer.status_code == 200, f"{path}: {answer.text}\n{self.log()}"
        return answer.json()

    def metric(self, name: str, **labels: str) -> float:
        """Return a number of `/metrics`; 0 where it was never counted."""
        text = self._client.get("/metrics").text
        for line in text.splitlines():
            found = re.fullmatch(rf"{name}(?:{{(.*)}})? (\S+)", line)
            if found and dict(re.findall(r'(\w+)="([^"]*)"', found[1] or "")) == labels:
                return float(found[2])
        return 0.0

    def stop(self, seconds: float = 20.0) -> int:
        """End it politely; return its exit code. Raises `AssertionError` if it takes too long."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running after {seconds} s\n{self.log()}") from None

    def kill(self) -> None:
        """End it as a power cut would: kill -9 of the process alone, not of what it started."""
        self.process.kill()
        self.process.wait()
        KILLED.append(self.data_dir)

    def reap(self) -> None:
        """Leave nothing behind: neither the process nor any it started."""
        if hasattr(self, "_client"):
            self._client.close()
        with suppress(ProcessLookupError):  # all of the group ended by themselves, as they should
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()

    def _ready(self) -> dict[str, str]:
        lines: list[str] = []
        assert self.process.stdout is not None, "it was started with a pipe"
        out = self.process.stdout
        reader = threading.Thread(target=lambda: lines.append(out.readline()))
        reader.start()
        reader.join(START_SECONDS)
        line = lines[0] if lines else "nothing"
        if not line.startswith("ready "):
            self.reap()
            reader.join()
            raise AssertionError(f"no `ready` within {START_SECONDS} s but {line!r}\n{self.log()}")
        return dict(json.loads(line.removeprefix("ready ")))


@contextmanager
def manager(
    data_dir: Path, config: Mapping[str, Any] | None = None, **ports: int
) -> Iterator[Manager]:
    """Run a manager inside a `with` block; shows its log where the block fails."""
    running = Manager(data_dir, config, **ports)
    try:
        yield running
    except BaseException:
        print(running.log()[-20_000:], file=sys.stderr)
        raise
    finally:
        running.reap()


def until(what: str, look: Callable[[], T], seconds: float = 30.0) -> T:
    """Return the first truthy answer of `look`; fail, saying `what`, after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.02)  # the condition above, polled


def run_command(*arguments: str, seconds: float = 60.0) -> "subprocess.CompletedProcess[str]":
    """Run `manager-agent ARGUMENTS` to its end; return its exit code and output."""
    return subprocess.run(
        [sys.executable, "-m", "manager_agent.app.dispatch", *arguments],
        env=environment(),
        cwd=tempfile.gettempdir(),  # away from the configuration in the repository
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
