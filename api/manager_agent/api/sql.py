"""Runs users' SQL in worker processes, a bounded number at a time, each for a bounded time."""

import queue
import threading
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from starlette.concurrency import run_in_threadpool

from manager_agent.api.worker import Worker, WorkerDied, WorkerTimeout
from manager_agent.contract.metric import Metric, Sample

Format = Literal["json", "csv", "arrow"]
MAX_ROWS: dict[Format, int] = {"json": 10_000, "csv": 100_000, "arrow": 1_000_000}
"""Rows of one answer; the rest is cut off and said so."""

_FRAME_SLACK = 1 << 20


@dataclass(frozen=True, slots=True)
class Query:
    """One statement, its parameters (by position or by name) and the format of the answer.

    `max_rows`: fewer rows than the format allows.
    """

    text: str
    params: list[Any] | dict[str, Any] | None = None
    format: Format = "json"
    max_rows: int | None = None


@dataclass(frozen=True, slots=True)
class SqlAnswer:
    """`body` in the format asked for; `truncated` where it holds only the first `rows`."""

    body: bytes
    rows: int
    truncated: bool


class SqlError(Exception):
    """The query has no answer.

    `kind`: `refused` (not allowed), `invalid` (DuckDB's own message), `memory`, `timeout`, `died`
    (the query ended its worker), `busy` (too many at once; try again).
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class SqlRunner:
    """Workers that are started when first needed and replaced when they die."""

    def __init__(
        self,
        *,
        workers: int = 2,
        timeout_seconds: float = 10.0,
        waiting: int = 16,
        max_bytes: int = 32 << 20,
    ) -> None:
        """Allow `workers` queries at a time, each for `timeout_seconds`.

        `waiting` more may wait, as long as that, for a free worker. `max_bytes` of an answer.
        """
        self._timeout = timeout_seconds
        self._max_bytes = max_bytes
        self._places = threading.BoundedSemaphore(workers + waiting)
        self._idle: queue.LifoQueue[Worker | None] = queue.LifoQueue()
        for _ in range(workers):
            self._idle.put(None)
        self._lock = threading.Lock()
        self._running: set[Worker] = set()
        self._outcomes: Counter[str] = Counter()
        self._closed = False

    async def run(self, query: Query, snapshot: Path) -> SqlAnswer:
        """Return the answer of `query` over the file `snapshot`. Raises `SqlError`."""
        return await run_in_threadpool(self.run_blocking, query, snapshot)

    def run_blocking(self, query: Query, snapshot: Path) -> SqlAnswer:
        """Do what `run` does, in this thread."""
        outcome = "failed"
        try:
            answer = self._in_turn(query, snapshot)
            outcome = "ok"
            return answer
        except SqlError as error:
            outcome = error.kind
            raise
        finally:
            with self._lock:
                self._outcomes[outcome] += 1

    def close(self) -> None:
        """End all workers; queries that run get `died`, later ones too."""
        with self._lock:
            self._closed = True
            running = list(self._running)
        for worker in running:
            worker.kill()
        while not self._idle.empty():
            idle = self._idle.get()
            if idle is not None:
                idle.close()

    def metrics(self) -> list[Metric]:
        """Return counts of queries by outcome."""
        with self._lock:
            samples = [Sample(n, (("outcome", kind),)) for kind, n in self._outcomes.items()]
        return [Metric("manager_sql_queries_total", "counter", "Users' SQL queries.", samples)]

    def _in_turn(self, query: Query, snapshot: Path) -> SqlAnswer:
        if not self._places.acquire(blocking=False):
            raise SqlError("busy", "too many queries are waiting; try again in a few seconds")
        try:
            worker = self._take()
            try:
                return self._ask(worker, query, snapshot)
            finally:
                self._give_back(worker)
        finally:
            self._places.release()

    def _take(self) -> Worker:
        with self._lock:
            if self._closed:  # its place in the queue may be gone: there is nothing to wait for
                raise SqlError("died", "the manager is shutting down")
        try:
            worker = self._idle.get(timeout=self._timeout)
        except queue.Empty as error:
            raise SqlError("busy", "all query workers are busy; try again later") from error
        try:
            if worker is None or not worker.alive:
                worker = self._replace(worker)
            with self._lock:
                if self._closed:
                    worker.close()
                    raise SqlError("died", "the manager is shutting down")
                self._running.add(worker)
            return worker
        except BaseException:
            self._idle.put(None)
            raise

    def _replace(self, worker: Worker | None) -> Worker:
        if worker is not None:
            worker.close()
        try:
            return Worker()
        except (WorkerTimeout, WorkerDied, OSError) as error:
            raise SqlError("busy", f"no query worker could be started: {error}") from error

    def _give_back(self, worker: Worker) -> None:
        with self._lock:
            self._running.discard(worker)
            closed = self._closed
        if closed:
            worker.close()
        self._idle.put(worker if worker.alive else None)

    def _ask(self, worker: Worker, query: Query, snapshot: Path) -> SqlAnswer:
        request = {
            "path": str(snapshot),
            "query": query.text,
            "params": query.params,
            "format": query.format,
            "max_rows": query.max_rows or MAX_ROWS[query.format],
            "max_bytes": self._max_bytes,
        }
        try:
            head, body = worker.ask(request, self._timeout, self._max_bytes + _FRAME_SLACK)
        except WorkerTimeout as error:
            detail = f"the query took longer than {self._timeout:g} s; narrow its range of ts"
            raise SqlError("timeout", detail) from error
        except WorkerDied as error:
            detail = "the query ended its worker process (too much memory, or nested too deeply)"
            raise SqlError("died", detail) from error
        if head["error"] is not None:
            raise SqlError(head["error"], head["message"])
        return SqlAnswer(body, head["rows"], head["truncated"])
