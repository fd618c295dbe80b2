"""Exports of other tools: their columns, times and numbers are read, and bad rows named."""

from pathlib import Path
from typing import Any

import pytest

from manager_agent.app.history.names import FIELDS, NAMES, MappingError, mapped
from manager_agent.app.history.rows import BadRow, Export
from manager_agent.app.history.values import CellError, failed, nano_usd_of, nanos, whole
from manager_agent.receiver.history import COUNTS, TEXTS

AT = 1_700_158_623  # 2023-11-16 18:17:03 UTC


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2023-11-16 18:17:03.9799600", AT * 10**9 + 979_960_000),
        ("2023-11-16T18:17:03.979960123Z", AT * 10**9 + 979_960_123),
        ("2023-11-16T19:17:03+01:00", AT * 10**9),
        ("2023-11-16 18:17:03 UTC", AT * 10**9),
        ("2023-11-16T18:17:03,5", AT * 10**9 + 500_000_000),
        ("2023-11-16", 1_700_092_800 * 10**9),
        (f"{AT}", AT * 10**9),
        (f"{AT}.25", AT * 10**9 + 250_000_000),
        (f"{AT}250", AT * 10**9 + 250_000_000),
        (f"{AT}250000", AT * 10**9 + 250_000_000),
        (f"{AT}250000001", AT * 10**9 + 250_000_001),
    ],
)
def test_times(text: str, expected: int) -> None:
    assert nanos(text) == expected


@pytest.mark.parametrize("text", ["", "yesterday", "2023-13-01", "12", "2023-11-16 18:17:99"])
def test_no_times(text: str) -> None:
    with pytest.raises(CellError, match="is no time"):
        nanos(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("12", 12), (" 1,234 ", 1234), ("12.0", 12), ("", None), ("null", None), ("NaN", None)],
)
def test_counts(text: str, expected: int | None) -> None:
    assert whole(text) == expected


@pytest.mark.parametrize("text", ["1.5", "many", "Infinity", "1e999999999"])
def test_no_counts(text: str) -> None:
    with pytest.raises(CellError, match="is no whole number"):
        whole(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("0.0123", 12_300_000), ("$1,000", 10**12), ("1e-7", 100), ("", None)],
)
def test_amounts(text: str, expected: int | None) -> None:
    assert nano_usd_of(text) == expected


def test_states() -> None:
    assert [failed(t) for t in ("success", "failure", "ERROR", "200", "429", "")] == [
        *(False, True, True, False, True, False)
    ]


LITELLM = (
    "request_id,call_type,spend,total_tokens,prompt_tokens,completion_tokens,"
    "startTime,endTime,model,custom_llm_provider,user,end_user,status"
)
LANGFUSE = (
    "id,traceId,startTime,endTime,name,level,providedModelName,inputUsage,outputUsage,"
    "totalCost,environment"
)
HELICONE = (
    "request_id,request_created_at,model,provider,prompt_tokens,completion_tokens,"
    "delay_ms,cost_usd,status"
)
ANTHROPIC = (
    "usage_date_utc,model_version,api_key,workspace,usage_type,"
    "usage_input_tokens_no_cache,usage_input_tokens_cache_write_5m,"
    "usage_input_tokens_cache_write_1h,usage_input_tokens_cache_read,"
    "usage_output_tokens"
)
OPENAI = (
    "start_time,end_time,start_time_iso,end_time_iso,model,input_tokens,"
    "input_cached_tokens,output_tokens,num_model_requests"
)


def rows(tmp_path: Path, header: str, *lines: str, **given: str) -> tuple[Export, list[Any]]:
    path = tmp_path / "export.csv"
    path.write_text("\n".join([header, *lines]) + "\n", "utf-8")
    export = Export(path, given, {"agent": "a"})
    return export, list(export.rows())


@pytest.mark.parametrize(
    ("header", "line", "expected"),
    [
        pytest.param(
            LITELLM,
            "chatcmpl-1,acompletion,0.0015,150,100,50,2026-01-01T00:00:00Z,2026-01-01T00:00:02Z,"
            "gpt-4o,openai,u1,e1,failure",
            {
                "request_model": "gpt-4o",
                "provider": "openai",
                "input_tokens": 100,
                "output_tokens": 50,
                "cost_nano": 1_500_000,
                "duration_ms": 2000.0,
                "error": True,
                "user_id": "e1",
            },
            id="LiteLLM",
        ),
        pytest.param(
            LANGFUSE,
            "o1,t1,2026-01-01T00:00:00.000Z,2026-01-01T00:00:01.500Z,gen,DEFAULT,"
            "claude-sonnet-4,10,20,0.1,prod",
            {
                "request_model": "claude-sonnet-4",
                "input_tokens": 10,
                "output_tokens": 20,
                "cost_nano": 10**8,
                "duration_ms": 1500.0,
                "error": False,
                "trace_id": "t1",
                "environment": "prod",
            },
            id="Langfuse",
        ),
        pytest.param(
            HELICONE,
            "r1,2026-01-01 00:00:00,gpt-4o,OPENAI,10,20,350,0.1,429",
            {"provider": "OPENAI", "duration_ms": 350.0, "http_status": 429, "error": True},
            id="Helicone",
        ),
        pytest.param(
            ANTHROPIC,
            "2026-01-01,claude-sonnet-4,k,w,standard,100,20,30,400,50",
            {
                "input_tokens": 550,
                "cache_read_tokens": 400,
                "cache_write_tokens": 50,
                "cache_write_1h_tokens": 30,
                "output_tokens": 50,
            },
            id="Anthropic",
        ),
        pytest.param(
            OPENAI,
            "1767225600,1767312000,2026-01-01T00:00:00,2026-01-02T00:00:00,gpt-4o,100,40,50,7",
            {"input_tokens": 100, "cache_read_tokens": 40, "start_ns": 1767225600 * 10**9},
            id="OpenAI",
        ),
        pytest.param(
            "TIMESTAMP,ContextTokens,GeneratedTokens",
            "2023-11-16 18:17:03.9799600,4808,10",
            {"input_tokens": 4808, "output_tokens": 10, "agent": "a"},
            id="Azure's traces",
        ),
    ],
)
def test_usual_exports_are_recognised(
    tmp_path: Path, header: str, line: str, expected: dict[str, Any]
) -> None:
    export, [row] = rows(tmp_path, header, line)

    assert {name: row.get(name) for name in expected} == expected
    assert export.summed == (header is OPENAI)


def test_what_is_said_by_hand_wins_and_the_rest_is_listed(tmp_path: Path) -> None:
    export, [row] = rows(
        tmp_path, "timestamp,prompt_tokens,mine,more", "2026-01-01,1,2,3", input_tokens="mine"
    )

    assert row["input_tokens"] == 2
    assert export.unknown_columns == ["prompt_tokens", "more"]


@pytest.mark.parametrize(
    ("header", "given", "told"),
    [
        ("a,b", {}, "no column with the time among a, b"),
        ("timestamp,b", {}, "no column with tokens or cost"),
        ("timestamp,input_tokens", {"inputs": "b"}, "no such field"),
        ("timestamp,input_tokens", {"ts": "TS"}, "no such column; the file has timestamp"),
        ("", {}, "is empty"),
    ],
)
def test_columns_that_do_not_do(
    tmp_path: Path, header: str, given: dict[str, str], told: str
) -> None:
    with pytest.raises(MappingError, match=told):
        rows(tmp_path, header, **given)


def test_bad_rows_are_named_by_line_and_the_others_read(tmp_path: Path) -> None:
    _, found = rows(
        tmp_path,
        "timestamp,input_tokens,output_tokens,note",
        "2026-01-01,1,2,ok",
        'soon,1,2,"a note',
        'on two lines"',
        "2026-01-01,1,2",
        "",
        "2026-01-01,-1,2,ok",
        "2026-01-01,,,ok",
        "1999-01-01,1,2,ok",
        "2026-01-01,1,2,ok",
    )

    bad = [(row.line, row.why) for row in found if isinstance(row, BadRow)]
    assert bad == [
        (3, "'soon' is no time"),
        (5, "3 cells, the header has 4"),
        (7, "input_tokens = -1 must be a whole number from 0 to 1,000,000,000,000"),
        (8, "neither tokens nor a cost"),
        (9, f"start_ns = {915_148_800 * 10**9} must be a time from 2000 to 2099"),
    ]
    assert len(found) == 7


def test_ids_are_of_the_content(tmp_path: Path) -> None:
    """Equal rows of one file are several calls, unless they name their request."""
    header, line = "timestamp,input_tokens", "2026-01-01,5"
    _, found = rows(tmp_path, header, line, line, "2026-01-01,6")
    _, again = rows(tmp_path, header, "2026-01-01,6", line, line, line)
    ids, later = {row["call_id"] for row in found}, {row["call_id"] for row in again}
    assert len(ids) == 3
    assert ids < later
    assert len(later) == 4

    _, named = rows(tmp_path, f"{header},request_id", f"{line},r1", f"{line},r1", f"{line},r2")
    assert len({row["call_id"] for row in named}) == 2


@pytest.mark.parametrize(
    "text", ["\ufefftimestamp;input_tokens\r\n2026-01-01;5\r\n", "ts\tcost\n2026-01-01\t5"]
)
def test_other_ways_to_write_it(tmp_path: Path, text: str) -> None:
    path = tmp_path / "export.csv"
    path.write_bytes(text.encode())

    [row] = Export(path, {}, {}).rows()

    assert not isinstance(row, BadRow)
    assert row["start_ns"] == 1767225600 * 10**9


def test_names_are_there_once() -> None:
    names = [name for names in NAMES.values() for name in names.split()]
    assert len(names) == len(set(names))
    assert set(TEXTS) | set(COUNTS) <= {*FIELDS, "cost_nano"}
    assert mapped(["timestamp", "cost"], {}) == {"ts": 0, "cost_usd": 1}
