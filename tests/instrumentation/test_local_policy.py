"""The policy of a file: what it decides, what a held call waits for, and what a wrong file does."""

import asyncio
import json
import os
import threading
import time
from collections.abc import Callable
from dataclasses import fields
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import trio
from opentelemetry.context import Context

from manager_agent.contract.decision import Allow, Hold, Refuse
from manager_agent.instrumentation import mishap
from manager_agent.instrumentation.asked import Asked
from manager_agent.instrumentation.call import Ask
from manager_agent.instrumentation.endpoint import Endpoint
from manager_agent.instrumentation.identity import Identity
from manager_agent.instrumentation.local_policy import (
    AllowAll,
    LocalPolicy,
    Rule,
    from_environment,
    read,
)

AT = Endpoint("openai", "chat_completions", "openai", "chat", "api.openai.com", 443)


def ask(agent: str = "research", model: str = "gpt-4o") -> Ask:
    return Ask("0" * 32, AT, Asked(model=model), Identity(agent, "default"), Context(), 1)


ASK = ask()
HOLD = {"decision": "hold", "message": "May research use gpt-4o?", "timeout_seconds": 20}
REFUSED = {
    "match": {"agent": "research"},
    "decision": "refuse",
    "reason": "over_budget",
    "message": "Spent.",
    "remedy": "Wait.",
    "limit_name": "daily_limit_usd of agent research",
    "limit_usd": 10,
    "spent_usd": "10.02",
    "resets_at": "2026-11-27T01:00:00+01:00",
}


def written(path: Path, *rules: Any) -> str:
    before = path.stat().st_mtime_ns if path.exists() else 0
    path.write_text(json.dumps(rules))
    while path.stat().st_mtime_ns <= before:  # coarse clocks of some file systems
        os.utime(path, ns=(before + 1_000_000_000, before + 1_000_000_000))
    return str(path)


def policy(path: Path, *rules: Any) -> LocalPolicy:
    found = from_environment({"MANAGER_LOCAL_POLICY": written(path, *rules)})
    assert isinstance(found, LocalPolicy)
    return found


def until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_nobody_decides_without_a_file() -> None:
    assert from_environment({}).decide(ASK) == Allow("no_policy")


def test_the_first_rule_that_matches_decides(tmp_path: Path) -> None:
    decides = policy(
        tmp_path / "p",
        {"match": {"model": "gpt-4o-*"}, "decision": "refuse"},
        {"match": {"agent": "res*", "provider": "openai"}, "decision": "allow"},
        {"match": {}, "decision": "refuse", "reason": "paused"},
    )

    assert decides.decide(ASK) == Allow("local_policy")
    other = decides.decide(ask(agent="other"))
    assert isinstance(other, Refuse)
    assert other.reason == "paused"
    small = decides.decide(ask(model="gpt-4o-mini"))
    assert isinstance(small, Refuse)
    assert small.reason == "local_policy"


def test_a_refusal_carries_what_the_rule_says(tmp_path: Path) -> None:
    assert policy(tmp_path / "p", REFUSED).decide(ASK) == Refuse(
        "over_budget",
        "Spent.",
        "Wait.",
        "daily_limit_usd of agent research",
        Decimal(10),
        Decimal("10.02"),
        None,
        datetime(2026, 11, 27, tzinfo=UTC),
    )


@pytest.mark.parametrize(("answer", "kind"), [("allow", Allow), ("deny", Refuse)])
def test_a_held_call_is_answered(tmp_path: Path, answer: Any, kind: Any) -> None:
    decides = policy(tmp_path / "p", HOLD)
    hold = decides.decide(ASK)
    assert isinstance(hold, Hold)
    got = list[Any]()
    waiting = threading.Thread(target=lambda: got.append(decides.wait(ASK, hold)))
    waiting.start()
    until(decides.pending)

    assert decides.answer(hold.approval_id, answer)
    waiting.join(20)

    assert isinstance(got[0], kind)
    assert got[0].reason in ("approved", "denied")
    assert not decides.pending()
    assert not decides.answer(hold.approval_id, answer)  # once


@pytest.mark.parametrize(
    ("on_timeout", "expected"), [("allow", Allow("approved")), ("deny", "approval_timeout")]
)
def test_a_held_call_that_nobody_answers(tmp_path: Path, on_timeout: str, expected: Any) -> None:
    decides = policy(tmp_path / "p", HOLD | {"timeout_seconds": 0.1, "on_timeout": on_timeout})
    hold = decides.decide(ASK)
    assert isinstance(hold, Hold)

    got = decides.wait(ASK, hold)

    assert got == expected or got.reason == expected


def test_a_held_call_is_answered_by_the_file(tmp_path: Path) -> None:
    decides = policy(tmp_path / "p", HOLD)
    hold = decides.decide(ASK)
    assert isinstance(hold, Hold)
    got = list[Any]()
    waiting = threading.Thread(target=lambda: got.append(decides.wait(ASK, hold)))
    waiting.start()
    until(decides.pending)

    written(tmp_path / "p", {"match": {"agent": "research"}, "decision": "allow"})
    waiting.join(20)

    assert got == [Allow("approved")]
    assert decides.decide(ASK) == Allow("local_policy")


def test_asyncio_runs_on_while_a_call_is_held(tmp_path: Path) -> None:
    decides = policy(tmp_path / "p", HOLD)
    hold = decides.decide(ASK)
    assert isinstance(hold, Hold)

    async def both() -> Any:
        waiting = asyncio.create_task(decides.wait_async(ASK, hold))
        while not decides.pending():
            await asyncio.sleep(0)
        decides.answer(hold.approval_id, "allow")  # only a free loop comes here
        return await waiting

    assert asyncio.run(both()) == Allow("approved")


def test_trio_runs_on_too_and_may_cancel(tmp_path: Path) -> None:
    decides = policy(tmp_path / "p", HOLD)
    hold = decides.decide(ASK)
    assert isinstance(hold, Hold)
    got = list[Any]()

    async def both() -> None:
        async def wait() -> None:
            got.append(await decides.wait_async(ASK, hold))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait)
            while not decides.pending():
                await trio.sleep(0)
            decides.answer(hold.approval_id, "allow")
        with trio.move_on_after(0.1) as left:
            await decides.wait_async(ASK, hold)
        assert left.cancelled_caught

    trio.run(both)

    assert got == [Allow("approved")]
    assert not decides.pending()


def test_asyncio_may_cancel(tmp_path: Path) -> None:
    decides = policy(tmp_path / "p", HOLD)
    hold = decides.decide(ASK)
    assert isinstance(hold, Hold)

    async def cancelled() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(decides.wait_async(ASK, hold), 0.1)

    asyncio.run(cancelled())

    assert not decides.pending()


@pytest.mark.parametrize(
    ("rules", "wrong"),
    [
        ({"decision": "allow"}, "a list of rules is wanted, found dict"),
        (["allow"], "rule 1: an object is wanted, found 'allow'"),
        ([{"decision": "alow"}], "rule 1: decision: one of allow, refuse, hold is wanted"),
        ([{"decision": "allow", "agent": "a"}], "rule 1: unknown key 'agent'; known are"),
        ([{"decision": "allow", "match": {"agnet": "a"}}], "match: unknown key 'agnet'"),
        ([{"decision": "allow", "match": {"agent": 1}}], "match: an object of texts is wanted"),
        ([{"decision": "refuse", "reason": "no"}], "reason: one of"),
        ([{"decision": "refuse", "message": 1}], "message: text is wanted, found 1"),
        ([{"decision": "refuse", "limit_usd": "x"}], "limit_usd: USD are wanted, found 'x'"),
        ([{"decision": "refuse", "resets_at": "noon"}], "resets_at: ISO 8601 is wanted"),
        ([{"decision": "hold", "timeout_seconds": "9"}], "timeout_seconds: a number from 0"),
        ([{"decision": "hold", "on_timeout": "wait"}], "on_timeout: one of allow, deny"),
    ],
)
def test_a_wrong_file_says_where_and_lets_pass(
    tmp_path: Path, rules: Any, wrong: str, caplog: pytest.LogCaptureFixture
) -> None:
    mishap.forget()
    (tmp_path / "p").write_text(json.dumps(rules))

    found = from_environment({"MANAGER_LOCAL_POLICY": str(tmp_path / "p")})

    assert isinstance(found, AllowAll)
    (record,) = [record for record in caplog.records if record.name == "manager_agent"]
    assert f"MANAGER_LOCAL_POLICY: {tmp_path / 'p'}" in record.getMessage()
    assert wrong in record.getMessage()
    assert "every call passes" in record.getMessage()


def test_a_file_that_is_missing_or_no_json(tmp_path: Path) -> None:
    (tmp_path / "no").write_text("{")

    for name in ("missing", "no"):
        with pytest.raises(ValueError, match=r"cannot be read as JSON .*; correct it"):
            read(str(tmp_path / name))


def test_every_key_is_explained() -> None:
    for field in fields(Rule):
        assert f"`{field.name}`" in (Rule.__doc__ or "")
