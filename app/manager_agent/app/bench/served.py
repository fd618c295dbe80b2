"""A manager of its own in a directory of its own, to be measured."""

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from importlib.resources import files
from pathlib import Path
from typing import Any

from manager_agent.api.sql_client import SqlClientError, query
from manager_agent.app.bench.measure import Receiver
from manager_agent.app.demo.children import Children
from manager_agent.app.demo.ready import Ready, wait_ready

_START_SECONDS = 60.0
_STOP_SECONDS = 60.0
_NAME = "manager"
_STORED = (files("manager_agent.app") / "sql" / "spans_stored.sql").read_text("utf-8")


@dataclass(frozen=True, slots=True)
class Served:
    """A running manager: its process, its addresses, and where its data lies."""

    pid: int
    ready: Ready
    data: Path

    def receiver(self) -> Receiver:
        """Return it as what a load is sent to."""
        return Receiver(self.pid, self.ready.otlp_grpc, stored=self.stored)

    def stored(self) -> int:
        """Return how many spans its SQL finds, all acknowledged ones included.

        0 where it says that no copy with all of them is ready yet. Raises `SqlClientError`.
        """
        try:
            return int(query(self.ready.api, _STORED, fresh=True).rows[0][0])
        except SqlClientError as error:
            if error.status != HTTPStatus.SERVICE_UNAVAILABLE:
                raise
            return 0


@contextmanager
def served(directory: Path, settings: Mapping[str, Any]) -> Iterator[Served]:
    """Run a manager on `directory` under `settings`; it is stopped, politely, at the end.

    Raises `DemoFailed`, with its last words, where it does not start.
    """
    data, config = directory / "data", directory / "manager.yaml"
    config.write_text(json.dumps(settings), "utf-8")  # JSON is YAML
    module = [sys.executable, "-m", "manager_agent.app.dispatch", "serve"]
    ports = [f"--{port}-port=0" for port in ("otlp-grpc", "otlp-http", "api", "metrics")]
    children = Children(directory)
    try:
        children.start(_NAME, [*module, f"--config={config}", f"--data-dir={data}", *ports])
        ready = wait_ready(children, _NAME, _START_SECONDS)
        yield Served(children.pid(_NAME), ready, data)
    finally:
        children.stop_all(_STOP_SECONDS)
