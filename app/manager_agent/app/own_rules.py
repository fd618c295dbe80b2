"""Users' rules that are SQL: asked beside the look, so that none of them can slow it down."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from time import perf_counter

import pyarrow as pa
import structlog

from manager_agent.api.sql import Query, SqlError, SqlRunner
from manager_agent.app.evaluations import Evaluations
from manager_agent.app.tick import Beside
from manager_agent.rules.custom import MOST_ROWS, Answer, SqlRule, findings_of
from manager_agent.rules.finding import Finding
from manager_agent.rules.look import Asked
from manager_agent.store.query_rows import Unrenderable, plain_rows

_log = structlog.get_logger()

_TIMEOUT_SECONDS = 10.0
_MOST_BYTES = 4 << 20
_REST = 9
"""A rule that took a second is left alone for so many: all of them use a tenth of one processor."""


@dataclass(frozen=True, slots=True)
class _Result:
    """What a rule answered at `at`; `error` where it did not, or not as it should."""

    at: datetime
    findings: Sequence[Finding]
    error: str | None


class OwnRules:
    """Asks each rule in the sandbox of users' SQL, on the published copy, and keeps the answers.

    A rule that breaks keeps its alerts as they are; its error is told once and counted.
    """

    def __init__(
        self, rules: Sequence[SqlRule], snapshot: Callable[[], Path | None], seen: Evaluations
    ) -> None:
        """`snapshot` gives the published copy, None before there is one."""
        self._rules = [rule for rule in rules if rule.enabled]
        self._snapshot = snapshot
        self._seen = seen
        self._runner = SqlRunner(
            workers=1, timeout_seconds=_TIMEOUT_SECONDS, waiting=0, max_bytes=_MOST_BYTES
        )
        self._results: dict[str, _Result] = {}
        self._lock = threading.Lock()

    def beside(self) -> Beside:
        """Return what was found last."""
        with self._lock:
            results = dict(self._results)
        names = frozenset(rule.name for rule in self._rules)
        return Beside(
            names=names,
            findings=[finding for one in results.values() for finding in one.findings],
            failed={name: one.error for name, one in results.items() if one.error is not None},
            waiting=names - results.keys(),
        )

    async def run(self, stop: asyncio.Event, seconds: float, clock: Callable[[], datetime]) -> None:
        """Ask all of them, one after the other, every so many `seconds` until `stop`."""
        while self._rules and not stop.is_set():
            path = self._snapshot()
            took = 0.0
            if path is not None:
                took = await asyncio.to_thread(self._ask_all, path, clock, stop)
            try:
                await asyncio.wait_for(stop.wait(), max(seconds, took * _REST))
            except TimeoutError:
                continue

    def close(self) -> None:
        """End the worker; a question under way gets no answer."""
        self._runner.close()

    def _ask_all(self, path: Path, clock: Callable[[], datetime], stop: asyncio.Event) -> float:
        began = perf_counter()
        for rule in self._rules:
            if not stop.is_set():
                self.ask(rule, path, clock())
        return perf_counter() - began

    def ask(self, rule: SqlRule, path: Path, now: datetime) -> None:
        """Ask one rule on the copy at `path`, and keep its answer."""
        began = perf_counter()
        try:
            answer = self._runner.run_blocking(
                Query(rule.sql, format="arrow", max_rows=MOST_ROWS), path
            )
            findings, error = findings_of(rule, _answer(answer.body, answer.truncated))
        except (SqlError, Unrenderable, pa.ArrowException) as raised:
            findings, error = [], str(raised)
        self._keep(rule.name, _Result(now, findings, error), perf_counter() - began)

    def _keep(self, name: str, result: _Result, seconds: float) -> None:
        with self._lock:
            before = self._results.get(name)
            self._results[name] = result
        self._seen.add(result.at, {name: Asked(seconds, len(result.findings), result.error)})
        if result.error is not None and (before is None or before.error != result.error):
            _log.error("a rule broke", rule=name, error=result.error)


def _answer(body: bytes, truncated: bool) -> Answer:
    with pa.ipc.open_stream(body) as reader:
        schema = reader.schema
        rows = [
            [_plain(value, one.type) for value, one in zip(row, schema, strict=True)]
            for row in plain_rows(reader, exact=True)
        ]
    texts = {one.name for one in schema if _is_text(one.type)}
    return Answer(schema.names, texts, rows, truncated)


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _plain(value: object, kind: pa.DataType) -> object:
    """Write a decimal without the zeros at its end, but for two: `1.50` of a `DECIMAL(38, 9)`."""
    if not pa.types.is_decimal(kind) or not isinstance(value, str) or "." not in value:
        return value
    whole, _, cents = value.partition(".")
    return f"{whole}.{cents.rstrip('0'):0<2}"
