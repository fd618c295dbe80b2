"""The queries of docs/sql.md give the right answers, on a history that is known to the last row."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from manager_agent.api.sql import MAX_ROWS
from tests.documented.pages import ROOT
from tests.harness.history import History

PAGE = (ROOT / "docs" / "sql.md").read_text("utf-8").partition("## Questions people ask")[2]
QUESTIONS = dict(re.findall(r"\n([^\n]+)\n\n```sql\n(.*?)```", PAGE, re.DOTALL))

NOW = datetime.now(UTC).replace(tzinfo=None)
# All recent calls are within one minute, so that no hour or day ends between them.
RECENT = (NOW - timedelta(minutes=30)).replace(second=0, microsecond=0)
YESTERDAY = RECENT - timedelta(hours=22)
EARLIER = RECENT - timedelta(days=3)
LAST_WEEK = RECENT - timedelta(days=9)

GPT = {
    "provider": "openai", "request_model": "gpt-4o", "response_model": "gpt-4o",
    "environment": "production", "conversation_id": "k1", "user_id": "u1", "emitters": "genai",
    "cost_source": "local", "status": "ok", "finish_reason": "stop", "reasoning_tokens": 0,
    "guarded": False,
}  # fmt: skip
CLAUDE = {
    **GPT, "provider": "anthropic", "request_model": "claude", "response_model": "claude",
    "conversation_id": "k2", "user_id": "u2",
}  # fmt: skip
ACME = {
    "provider": "acme", "request_model": "acme-1", "cost_source": "unpriced", "status": "ok",
    "environment": "staging", "emitters": "genai", "guarded": True,
}  # fmt: skip
TOOL = {"tool": "search", "status": "ok", "arguments_digest": "d1", "duration_ms": 100.0}


def usd(text: str) -> Decimal:
    return Decimal(text)


def after(seconds: int) -> datetime:
    return RECENT + timedelta(seconds=seconds)


RESEARCH = "research-agent"


def build() -> History:
    """Two agents, three models: a retry, a guess, no price, and a stream that nobody counted."""
    made = History()
    failed = {
        "status": "error", "error_type": "RateLimitError", "http_status": 429,
        "finish_reason": None, "response_model": None, "prompt_digest": "p1",
    }  # fmt: skip
    calls: list[tuple[str, datetime, dict[str, Any], tuple[Any, ...], str | None, int, Any]] = [
        (RESEARCH, after(1), GPT, (1000, 100, 600, 0), "0.01", 1000, {"streaming": True}),
        (RESEARCH, after(2), GPT, (3000, 300, 1000, 100), "0.02", 3000,
         {"streaming": False, "finish_reason": "length", "emitters": "genai,openllmetry"}),
        (RESEARCH, after(3), GPT, (0, 0, 0, 0), "0", 200, failed),
        (RESEARCH, after(4), GPT, (200, 0, 0, 0), "0.001", 200, failed),
        (RESEARCH, after(5), GPT, (500, 100, 0, 0), "0.005", 2000, {"prompt_digest": "p1"}),
        ("writer", after(6), CLAUDE, (10_000, 1000, 5000, 400), "0.5", 10_000,
         {"cost_source": "estimated", "environment": "staging", "streaming": True,
          "reported_cost_usd": usd("0.6")}),
        ("writer", after(7), ACME, (100, 10, None, None), None, 500, {}),
        ("writer", YESTERDAY, CLAUDE, (4000, 400, 1000, 0), "0.2", 4000, {}),
        (RESEARCH, EARLIER, GPT, (None, None, None, None), None, 100,
         {"cost_source": None, "conversation_id": None, "user_id": None}),
        ("writer", LAST_WEEK, CLAUDE, (8000, 800, 0, 0), "0.35", 5000, {}),
    ]  # fmt: skip
    names = ("input_tokens", "output_tokens", "cache_read_tokens", "reasoning_tokens")
    for agent, ts, base, counted, cost, took, more in calls:
        columns = {**base, **dict(zip(names, counted, strict=True)), **more}
        made.call(
            agent, ts, **columns, duration_ms=took, cost_usd=None if cost is None else usd(cost)
        )
    for seconds, other in enumerate([{}, {"status": "error"}, {"arguments_digest": "d2"}]):
        made.tool(RESEARCH, after(seconds), **{**TOOL, **other})
    made.tool("writer", after(9), **{**TOOL, "tool": "fetch", "arguments_digest": "d3"})
    told = {"rule": "budget", "severity": "critical", "state": "firing", "message": "over"}
    made.alert(RESEARCH, after(5), **told, evidence='{"percent": 100}')
    made.roll_up()
    return made


@pytest.fixture(scope="module")
def history() -> Iterator[History]:
    made = build()
    yield made
    made.con.close()


def per_day(*parts: tuple[datetime, str, str, int]) -> list[tuple[Any, ...]]:
    """Return (day, agent, usd, calls), the newest first: two moments may be of one day."""
    sums: dict[tuple[Any, str], tuple[Decimal, int]] = {}
    for ts, agent, cost, calls in parts:
        before = sums.get((ts.date(), agent), (usd("0"), 0))
        sums[ts.date(), agent] = before[0] + usd(cost), before[1] + calls
    rows = [(*key, *found) for key, found in sums.items()]
    return sorted(rows, key=lambda row: (row[0], row[2]), reverse=True)


DAYS = per_day(
    (RECENT, "writer", "0.5", 2),
    (RECENT, RESEARCH, "0.036", 5),
    (YESTERDAY, "writer", "0.2", 1),
    (EARLIER, RESEARCH, "0", 1),
    (LAST_WEEK, "writer", "0.35", 1),
)
LIMITS = {"writer": 10, RESEARCH: Decimal("0.4")}
USED = [
    (day, agent, cost, round(float(100 * cost / LIMITS[agent]), 1))
    for day, agent, cost, _ in DAYS
    if day > LAST_WEEK.date()
]

# What a person with the ten calls above before them would say.
ANSWERS: dict[str, list[tuple[Any, ...]]] = {
    "What did each agent cost, day by day?": DAYS,
    "Is it more than the week before?": [
        ("writer", usd("0.7"), usd("0.35"), 100.0),
        (RESEARCH, usd("0.036"), None, None),
    ],
    "How much of a daily budget was used, day by day? Write the limits into the first line.": (
        sorted(USED, key=lambda row: (row[0], row[3]), reverse=True)
    ),
    "Which models take the money?": [
        ("anthropic", "claude", usd("0.7"), 0, 45.45),
        ("openai", "gpt-4o", usd("0.036"), 0, 6.92),
        ("acme", "acme-1", usd("0"), 1, 0.0),
    ],
    "What did each conversation cost, and which ones ran away?": [
        ("k2", "writer", 2, 10_000, usd("0.7")),
        ("k1", RESEARCH, 5, 3000, usd("0.036")),
    ],
    "Which users cost most?": [("u2", 2, usd("0.7"), 0.35), ("u1", 5, usd("0.036"), 0.0072)],
    "Production, or somebody's tests?": [
        ("staging", usd("0.5"), 67.9),
        ("production", usd("0.236"), 32.1),
    ],
    "The ten most expensive calls of the last day:": [
        (after(6), "writer", "claude", 10_000, 1000, usd("0.5"), None),
        (YESTERDAY, "writer", "claude", 4000, 400, usd("0.2"), None),
        (after(2), RESEARCH, "gpt-4o", 3000, 300, usd("0.02"), None),
        (after(1), RESEARCH, "gpt-4o", 1000, 100, usd("0.01"), None),
        (after(5), RESEARCH, "gpt-4o", 500, 100, usd("0.005"), None),
        (after(4), RESEARCH, None, 200, 0, usd("0.001"), None),
        (after(3), RESEARCH, None, 0, 0, usd("0"), None),
        (after(7), "writer", None, 100, 10, None, None),
    ],
    "What did calls cost that failed, and were they tried again with the same prompt?"
    " With success?": [(RESEARCH, "RateLimitError", 2, 2, 1, usd("0.001"))],
    "Is somebody going in circles? The same prompt, again and again:": [
        (RESEARCH, "p1", 3, usd("0.006"))
    ],
    "How much of the input came from the cache?": [
        ("claude", 14_000, 42.9),
        ("gpt-4o", 4700, 34.0),
        ("acme-1", 100, 0.0),
    ],
    "How much of the output is reasoning that nobody reads?": [
        ("claude", 1400, 28.6),
        ("gpt-4o", 500, 20.0),
    ],
    "Which answers were cut off at their limit of tokens, and paid for all the same?": [
        (RESEARCH, "gpt-4o", 3, 1, usd("0.02"))
    ],
    "Which provider fails how often?": [
        ("openai", 5, 2, 40.0),
        ("anthropic", 2, 0, 0.0),
        ("acme", 1, 0, 0.0),
    ],
    "What fails, and how?": [(RESEARCH, "openai", "RateLimitError", 429, 2, after(4))],
    "Which models are slow?": [
        ("claude", 2, 7000.0, 9700.0),
        ("gpt-4o", 3, 2000.0, 2900.0),
        (None, 1, 500.0, 500.0),
    ],
    "Which tools are called most, and which fail?": [
        ("search", 3, 1, 33.3, 100.0),
        ("fetch", 1, 0, 0.0, 100.0),
    ],
    "Which tools are used with the same arguments over and over?": [
        (RESEARCH, "search", "d1", 2),
        ("writer", "fetch", "d3", 1),
        (RESEARCH, "search", "d2", 1),
    ],
    "What was told, and with which numbers?": [
        (after(5), "budget", RESEARCH, "critical", "firing", "over", "100")
    ],
    "How many tokens a minute, at most? (What a provider's rate limit is held against.)": [
        ("anthropic", "claude", 11_000, 1),
        ("openai", "gpt-4o", 5200, 5),
        ("acme", "acme-1", 110, 1),
    ],
    "Which hour of the day (UTC) is the busiest?": [
        (RECENT.hour, 8, usd("0.536")),
        (YESTERDAY.hour, 1, usd("0.2")),
    ],
    "How many calls are streamed?": [(RESEARCH, 5, 50.0, 3), ("writer", 3, 100.0, 2)],
    "Who was last seen when?": [(RESEARCH, RECENT, 6), ("writer", RECENT, 3)],
    "What is not known for sure?": [
        ("unpriced", "acme", None, 1),
        ("estimated", "anthropic", "claude", 1),
    ],
    "How much of the sum rests on estimates?": [
        ("estimated", 1, usd("0.5"), 67.9),
        ("local", 6, usd("0.236"), 32.1),
        ("unknown", 1, None, None),
        ("unpriced", 1, None, None),
    ],
    "Which models have no price?": [("acme", "acme-1", 1, 110)],
    "Where does the emitter's own sum differ from ours?": [
        ("genai", "claude", 1, usd("0.6"), usd("0.5"), usd("0.1"))
    ],
    "Who reports each call? (More than one emitter is no mistake: the call is counted once.)": [
        ("genai", 7, False),
        ("genai,openllmetry", 1, True),
    ],
    "How many calls went through a guard?": [(RESEARCH, 5, 0, 0.0), ("writer", 3, 1, 33.3)],
}


def test_every_question_has_an_answer_here() -> None:
    assert QUESTIONS.keys() == ANSWERS.keys()
    assert len(QUESTIONS) >= 20


@pytest.mark.parametrize("question", QUESTIONS)
def test_the_answer_is_right(question: str, history: History) -> None:
    assert history.rows(QUESTIONS[question]) == ANSWERS[question]


@pytest.mark.parametrize("question", QUESTIONS)
def test_it_reads_a_range_of_time(question: str) -> None:
    assert re.search(r"WHERE ts >= now\(\) - INTERVAL \d+ (DAY|HOUR)", QUESTIONS[question])


def test_the_limits_of_rows_are_told() -> None:
    page = (ROOT / "docs" / "sql.md").read_text("utf-8")

    assert all(f"{rows:,} rows as {form}" in page for form, rows in MAX_ROWS.items())
