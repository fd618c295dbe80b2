"""Which stored claims may be the same call as a late one, against its definition, pair by pair."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from manager_agent.store.sql_files import statements

NEAR, FAR = 2, 5
"""Seconds by which times may differ: of claims in one process, and of those with one answer."""
MIDNIGHT = datetime(2026, 11, 27, tzinfo=UTC).replace(tzinfo=None)


@dataclass(frozen=True, slots=True)
class Stored:
    """A stored span; times in seconds since midnight."""

    trace_id: str
    scope: str
    process: str
    response_id: str | None
    call_id: str | None
    role: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Asked:
    """A late claim."""

    scope: str
    process: str
    response_id: str | None
    call_id: str | None
    parted: bool
    start: int
    end: int


starts, lengths = st.integers(0, 40), st.integers(0, 6)
scopes, processes = st.sampled_from("ab"), st.sampled_from("pq")
answers, calls = st.sampled_from([None, "r", "s"]), st.sampled_from([None, None, None, "c"])


@st.composite
def stored(draw: st.DrawFn) -> Stored:
    start = draw(starts)
    role = draw(st.sampled_from(["call", "call", "decision", "sum", "tool"]))
    told = (draw(scopes), draw(processes), draw(answers), draw(calls), role)
    return Stored("", *told, start, start + draw(lengths))


@st.composite
def asked(draw: st.DrawFn) -> Asked:
    start = draw(starts)
    told = (draw(scopes), draw(processes), draw(answers), draw(calls), draw(st.booleans()))
    return Asked(*told, start, start + draw(lengths))


@pytest.fixture(scope="module")
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(config={"threads": 1}) as opened:
        yield opened


@given(st.lists(stored(), max_size=12), st.lists(asked(), min_size=1, max_size=12))
def test_they_are_those_of_the_definition(
    con: duckdb.DuckDBPyConnection, spans: list[Stored], late: list[Asked]
) -> None:
    named = [Stored(f"trace-{n}", *list(asdict(s).values())[1:]) for n, s in enumerate(spans)]

    assert found(con, named, late) == {
        span.trace_id for span in named if any(kin(span, each) for each in late)
    }


def test_a_busy_process_is_looked_at_once_and_not_for_each_late_claim(
    con: duckdb.DuckDBPyConnection,
) -> None:
    """Pair by pair these are 900 million, which take minutes."""
    many = [Stored(f"{n}", "a", "p", None, None, "call", n % 40, n % 40 + 6) for n in range(30_000)]
    late = [Asked("a", "p", None, None, False, n % 40, n % 40 + 6) for n in range(30_000)]
    other = Asked("b", "p", None, None, False, 0, 0)

    assert found(con, many, late) == set()
    assert len(found(con, many, [*late, other])) == 3 * 750


def kin(span: Stored, late: Asked) -> bool:
    if span.role == "tool":
        return False
    if late.call_id is not None and span.call_id == late.call_id:
        return True
    others = span.scope != late.scope
    beside = (others or late.parted) and span.process == late.process and near(span, late, NEAR)
    answer = late.response_id is not None and span.response_id == late.response_id
    return beside or (others and answer and near(span, late, FAR))


def near(span: Stored, late: Asked, slack: int) -> bool:
    return span.start <= late.end + slack and span.end >= late.start - slack


def found(
    con: duckdb.DuckDBPyConnection, spans: Sequence[Stored], late: Sequence[Asked]
) -> set[str]:
    con.register("spans", table_of_spans(spans))
    con.register("late", table_of_late(late))
    first, last = min(each.start for each in late), max(each.end for each in late)
    times = {
        "low": MIDNIGHT - timedelta(days=1),
        "high": MIDNIGHT + timedelta(days=1),
        "near_from": MIDNIGHT + timedelta(seconds=first - NEAR),
        "near_until": MIDNIGHT + timedelta(seconds=last + NEAR),
        "far_from": MIDNIGHT + timedelta(seconds=first - FAR),
        "far_until": MIDNIGHT + timedelta(seconds=last + FAR),
    }
    return {trace for (trace,) in con.execute(statements("kin_of")[0], times).fetchall()}


def table_of_spans(spans: Sequence[Stored]) -> pa.Table:
    texts = ("trace_id", "scope", "process", "response_id", "call_id", "role")
    return pa.table(
        {name: pa.array([getattr(s, name) for s in spans], pa.string()) for name in texts}
        | {"ts": at([s.start for s in spans]), "end_ts": at([s.end for s in spans])}
    )


def table_of_late(late: Sequence[Asked]) -> pa.Table:
    texts = ("scope", "process", "response_id", "call_id")
    return pa.table(
        {name: pa.array([getattr(each, name) for each in late], pa.string()) for name in texts}
        | {
            "parted": pa.array([each.parted for each in late], pa.bool_()),
            "near_start": at([each.start - NEAR for each in late]),
            "near_end": at([each.end + NEAR for each in late]),
            "far_start": at([each.start - FAR for each in late]),
            "far_end": at([each.end + FAR for each in late]),
        }
    )


def at(seconds: Sequence[int]) -> pa.Array:
    return pa.array([MIDNIGHT + timedelta(seconds=each) for each in seconds], pa.timestamp("us"))
