"""The body of `POST /api/v1/calls` -> the call to record."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any
from uuid import uuid4

from manager_agent.api.body import refuse_unknown
from manager_agent.api.fields import Fields
from manager_agent.api.problem import Problem
from manager_agent.contract.command import RecordCall
from manager_agent.contract.usage import Usage

MOST_CALLS = 200
"""Calls of one request; they become durable together."""

MOST_USD = 100_000
"""A single call that is said to cost more is a mistake."""

AHEAD = timedelta(minutes=10)
"""How far a clock may run ahead: what is dated later is a local time sent as if it were UTC."""

_FIRST_YEAR = 2000
_LONGEST_MS = 10**8  # a day and a bit
KNOWN = (
    "agent_id",
    "timestamp",
    "model",
    "input_tokens",
    "output_tokens",
    "total_tokens",
    "cost_usd",
    "duration_ms",
    "success",
    "error_message",
    "provider",
    "operation",
    "cache_read_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
    "conversation_id",
    "user_id",
    "response_id",
    "error_type",
    "call_id",
)


def hand_calls(body: Mapping[str, Any], now: datetime) -> list[RecordCall]:
    """Return the calls of a body: one call, or up to `MOST_CALLS` of them under `calls`.

    Raises `Problem` with all mistakes, of several calls each with its place.
    """
    if "calls" not in body:
        return [hand_call(body, now)]
    refuse_unknown(body, ("calls",), "key beside calls")
    rows = body["calls"]
    if not (isinstance(rows, list) and 0 < len(rows) <= MOST_CALLS):
        raise Problem(400, "bad-request", f"calls must be a list of 1 to {MOST_CALLS} calls")
    calls, wrong = [], []
    for place, row in enumerate(rows):
        try:
            calls.append(hand_call(row if isinstance(row, dict) else {"agent_id": row}, now))
        except Problem as problem:
            wrong += [f"calls[{place}]: {said}" for said in problem.more["errors"]]
    if wrong:
        raise Problem(400, "bad-request", "; ".join(wrong), errors=wrong)
    return calls


def hand_call(body: Mapping[str, Any], now: datetime) -> RecordCall:
    """Return the call of a body that came at `now` (aware). Raises `Problem` with all mistakes."""
    fields = Fields(body, KNOWN)
    agent = fields.text("agent_id", needed=True)
    duration_ms = fields.number("duration_ms", _LONGEST_MS)
    call = RecordCall(
        call_id=call_id_of(agent, fields.text("call_id", longest=200)),
        agent=agent or "",
        # Without a time it has just ended.
        started=fields.moment("timestamp", now - timedelta(milliseconds=duration_ms or 0)),
        model=fields.text("model"),
        provider=fields.text("provider"),
        operation=fields.text("operation") or "chat",
        usage=_usage(fields),
        cost_usd=fields.usd("cost_usd", MOST_USD),
        duration_ms=duration_ms or 0.0,
        success=fields.flag("success", default=True),
        error_type=fields.text("error_type"),
        error_message=fields.message("error_message"),
        conversation_id=fields.text("conversation_id"),
        user_id=fields.text("user_id"),
        response_id=fields.text("response_id"),
    )
    if call.started.year < _FIRST_YEAR:
        fields.wrong(f"timestamp = {call.started.isoformat()} must be in {_FIRST_YEAR} or later")
    if call.started > now + AHEAD:
        fields.wrong(
            f"timestamp = {call.started.isoformat()} is in the future, it is"
            f" {now.isoformat(timespec='seconds')}; a time without a zone counts as UTC, so send"
            " one with its zone, as datetime.now(timezone.utc) has"
        )
    fields.done()
    return call


def call_id_of(agent: str | None, said: str | None) -> str:
    """Return 32 hex digits: what was said where that is such an id, else made of it.

    Two agents may use one text for different calls. Nothing said: a new id.
    """
    if said is None:
        return uuid4().hex
    lower = said.lower()
    if re.fullmatch(r"[0-9a-f]{32}", lower) and lower[16:].strip("0"):
        return lower
    return blake2b(f"{agent}\n{said}".encode(), digest_size=16).hexdigest()


def _usage(fields: Fields) -> Usage:
    """Return the counts; a total makes up for a missing part, and alone is booked as input."""
    count_in, count_out = fields.whole("input_tokens"), fields.whole("output_tokens")
    total = fields.whole("total_tokens")
    if total is not None:
        if total < (count_in or 0) + (count_out or 0):
            fields.wrong(
                f"total_tokens = {total} is less than input_tokens and output_tokens together;"
                " leave it out"
            )
        if count_in is None:
            count_in = total - (count_out or 0)
        elif count_out is None:
            count_out = total - count_in
    return Usage(
        count_in,
        count_out,
        fields.whole("cache_read_tokens"),
        fields.whole("cache_write_tokens"),
        reasoning_tokens=fields.whole("reasoning_tokens"),
    )
