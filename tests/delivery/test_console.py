"""Alerts on standard error."""

import asyncio
import io
import os
from datetime import UTC, datetime

import pytest

from manager_agent.delivery.console import Console
from manager_agent.delivery.notifier import Failed, Sent
from manager_agent.rules.message import Message

MESSAGE = Message(
    key="k",
    alert_id="7c1d",
    kind="note",
    state="firing",
    severity="warning",
    agent="a\x1b[2J\r\n└ b",
    headline="a\x1b]0;owned\x07 spent $1.00",
    ts=datetime(2026, 11, 23, 14, 41, 7, tzinfo=UTC),
    facts={},
)


def test_standard_error_is_the_default(capsys: pytest.CaptureFixture[str]) -> None:
    assert asyncio.run(Console().send(MESSAGE)) == Sent()

    written = capsys.readouterr()
    assert written.out == ""
    assert "spent $1.00" in written.err


def test_names_cannot_command_the_terminal_nor_break_the_frame() -> None:
    stream = io.StringIO()

    asyncio.run(Console(stream).send(MESSAGE))

    assert stream.getvalue().splitlines() == [
        "┌ WARNING · Note: a └ b",
        "│ a spent $1.00",
        "│   Agent  a └ b",
        "└ 2026-11-23 14:41:07 UTC · note · 7c1d",
    ]


def test_a_terminal_without_lines_gets_plain_ones() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii", errors="backslashreplace")

    asyncio.run(Console(stream).send(MESSAGE))

    assert raw.getvalue().startswith(b"+ WARNING - Note: a")


def test_a_closed_console_is_permanent() -> None:
    stream = io.StringIO()
    stream.close()

    assert asyncio.run(Console(stream).send(MESSAGE)) == Failed("the console is closed", True)


def test_a_console_that_nobody_reads_any_more_is_permanent() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    raw = os.fdopen(writer, "wb", buffering=0)
    stream = io.TextIOWrapper(raw, encoding="utf-8", write_through=True)

    outcome = asyncio.run(Console(stream).send(MESSAGE))

    assert outcome == Failed("the console: Broken pipe", permanent=True)
    raw.close()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="only Linux has a disk that is full")
def test_a_full_disk_passes() -> None:
    with open("/dev/full", "wb", buffering=0) as raw:
        stream = io.TextIOWrapper(raw, encoding="utf-8", write_through=True)
        outcome = asyncio.run(Console(stream).send(MESSAGE))
        stream.detach()

    assert outcome == Failed("the console: No space left on device", permanent=False)
