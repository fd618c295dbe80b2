"""A result as people read it: exact, aligned, and never folded into stripes."""

import io
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from manager_agent.app.sql_table import table

USD = pa.decimal128(18, 9)
MOMENT = datetime(2026, 11, 25, 22, 40, 3, 922659)


def shown(columns: dict[str, Any], width: int | None = None) -> list[str]:
    arrow = pa.table(columns)
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, arrow.schema) as stream:
        stream.write_table(arrow)
    text, rows, more = table(sink.getvalue(), width)
    assert (rows, more) == (arrow.num_rows, False)
    return text.splitlines()


def cells(values: Any) -> list[str]:
    return [line.strip() for line in shown({"x": values})[2:]]


def test_money_is_exact_and_lines_up() -> None:
    money = pa.array([Decimal("12.5"), Decimal("0.000372"), None, Decimal(-3)], USD)

    assert shown({"usd": money}) == [
        "      usd",
        "─────────",
        "12.500000",
        " 0.000372",
        "     NULL",
        "-3.000000",
    ]
    assert cells(pa.array([Decimal(1), Decimal("0.000000001")], USD)) == [
        "1.000000000",
        "0.000000001",
    ]
    assert cells(pa.array([Decimal(1), Decimal("2.5")], USD)) == ["1.00", "2.50"]


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (["", None, "NULL"], ["", "NULL", "NULL"]),
        ([True, False], ["true", "false"]),
        ([100 / 3, 2e-9, 0.0], ["33.333333", "2e-09", "0.0"]),
        (pa.array([float("nan")]), ["NaN"]),
        (pa.array([MOMENT], pa.timestamp("us")), ["2026-11-25 22:40:03.922659"]),
        (
            pa.array([MOMENT.replace(tzinfo=UTC)], pa.timestamp("us", "UTC")),
            ["2026-11-25 22:40:03.922659+00:00"],
        ),
        ([[1, 2]], ["[1, 2]"]),
        ([{"a": "ü"}], ['{"a": "ü"}']),
        (pa.array([Decimal(2**70)], pa.decimal128(38, 0)), [str(2**70)]),
    ],
)
def test_values(values: Any, text: list[str]) -> None:
    assert cells(values) == text


def test_what_an_emitter_sends_gives_the_terminal_no_orders() -> None:
    assert cells(["a\n\x1b[2J\u202eb"]) == [r"a\n\x1b[2J\u202eb"]


def test_wide_letters_keep_the_columns_in_line() -> None:
    assert shown({"a": ["日本", "x"], "n": [1, 2]})[2:] == ["日本 │ 1", "x    │ 2"]


def test_what_is_wider_than_the_terminal_is_shown_a_line_a_column() -> None:
    columns = {"agent": ["writer", "reader"], "message": ["m" * 30, None]}

    assert len(shown(columns, 39)) == 4
    assert shown(columns, 38) == [
        "── row 1 ──",
        "agent   │ writer",
        "message │ " + "m" * 30,
        "── row 2 ──",
        "agent   │ reader",
        "message │ NULL",
    ]
    assert len(shown(columns, None)) == 4
