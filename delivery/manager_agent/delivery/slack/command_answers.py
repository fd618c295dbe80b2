"""What the REST API said, as Slack shows it to who typed the command. Pure."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from manager_agent.delivery.slack.command_line import USAGE, Ask, Help
from manager_agent.delivery.slack.markup import code, date, escape, fit

MOST_LINES = 20
"""Lines of a list; the rest is counted. Slack folds longer texts."""

_TEXT_LIMIT = 3000
Json = Mapping[str, Any]


def answer(ask: Ask, status: int, found: Any) -> dict[str, Any]:
    """Return the message for what was asked: an ephemeral one, in blocks and in plain text."""
    if status >= 400:
        detail = found.get("detail") if isinstance(found, Mapping) else None
        return message(f":x: {escape(str(detail or f'it was refused (HTTP {status})'))}")
    if ask.writes:
        return message(f":white_check_mark: {escape(ask.done)}{_more(found)}")
    return message(*_LISTS[ask.topic](found))


def help_text(asked: Help) -> dict[str, Any]:
    """Return how commands are written, after what was wrong."""
    topics = [asked.topic] if asked.topic else list(USAGE)
    lines = [code(f"/manager {line}") for topic in topics for line in USAGE[topic]]
    wrong = [f":x: {_with_code(asked.wrong)}"] if asked.wrong else []
    return message(*wrong, "\n".join(lines))


def message(*texts: str) -> dict[str, Any]:
    """Return a message that only who asked sees; `texts` are markup."""
    shown = [fit(text, _TEXT_LIMIT) for text in texts if text]
    return {
        "response_type": "ephemeral",
        "replace_original": False,
        "text": fit(" ".join(" ".join(shown).split()), _TEXT_LIMIT),
        "blocks": [
            {"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": True}}
            for text in shown
        ],
    }


def _status(found: Json) -> list[str]:
    mark = ":large_green_circle:" if found["status"] == "ok" else ":red_circle:"
    lines = [
        f"{mark} *{escape(found['status'])}*, version {escape(found['version'])}, up"
        f" {_lasted(found['uptime_seconds'])}",
        f"{_count(found['agents'], 'agent')}, {_count(found['open_alerts'], 'open alert')}",
        f"database {found['database']}, Slack {found['slack']}",
    ]
    lines += [f"• {escape(reason)}" for reason in found.get("reasons", [])]
    return ["\n".join(lines)]


def _spend(found: Json) -> list[str]:
    rows = found.get("agents", [found])
    rows = sorted(rows, key=lambda row: -(row["cost_usd"] or 0))
    total = sum(Decimal(str(row["cost_usd"] or 0)) for row in rows)
    since = date(datetime.fromisoformat(found["start"]))
    head = f"*{_usd(total)}* this {found['period']} (since {since})"
    lines = [
        f"{_usd(row['cost_usd'])}  {code(row['agent'] or 'unnamed')}"
        f"  {_count(row['calls'], 'call')}"
        + (f", {row['unpriced_calls']} of them unpriced" if row["unpriced_calls"] else "")
        for row in rows
    ]
    return [head, _list(lines, "nobody spent anything")]


def _budgets(found: Json) -> list[str]:
    rows = found["budgets"] if "budgets" in found and "agent" not in found else [found]
    return [_list([_budget(row) for row in rows], "there are no budgets")]


def _budget(row: Json) -> str:
    limits = [
        f"{one['period']} {_amount(one, 'spent')} of {_amount(one, 'limit')}"
        for one in row["budgets"]
    ]
    return f"{code(row['agent'])}  {', '.join(limits) or 'no limit'}"


def _breakers(found: Json) -> list[str]:
    rows = [one for one in found["breakers"] if one["state"] != "closed" or one["held"]]
    lines = [
        f"{code(one['key'])}  *{one['state']}*"
        + (f", held by {escape(one['held']['by'])}" if one["held"] else "")
        + (f": {escape(one['reason'])}" if one["reason"] else "")
        for one in rows
    ]
    return [_list(lines, "all circuit breakers are closed")]


def _silences(found: Json) -> list[str]:
    lines = [
        f"{code(one['id'])}  {code(' '.join(one['matchers']))} until"
        f" {date(datetime.fromisoformat(one['ends_at']))}, by {escape(one['by'])}"
        for one in found["silences"]
    ]
    return [_list(lines, "nothing is silenced")]


def _approvals(found: Json) -> list[str]:
    lines = [
        f"{code(one['id'])}  {code(one['agent'])} {code(one['model'] or '?')} at most"
        f" {_usd(one['cost_usd'])}, until {date(datetime.fromisoformat(one['expires_at']))}"
        for one in found["approvals"]
    ]
    return [_list(lines, "no call waits")]


_LISTS: Mapping[str, Callable[[Json], list[str]]] = {
    "status": _status,
    "spend": _spend,
    "budget": _budgets,
    "breaker": _breakers,
    "silence": _silences,
    "approve": _approvals,
}


def _list(lines: Sequence[str], nothing: str) -> str:
    if not lines:
        return nothing
    shown = list(lines[:MOST_LINES])
    if len(lines) > MOST_LINES:
        shown.append(f"and {len(lines) - MOST_LINES} more: `manager-agent` shows all")
    return "\n".join(shown)


def _more(found: Any) -> str:
    name = found.get("id") if isinstance(found, Mapping) else None
    return f" ({code(str(name))})" if name else ""


def _amount(row: Json, key: str) -> str:
    return _usd(row[key]) if row["unit"] == "usd" else f"{row[key]:,} tokens"


def _usd(amount: Any) -> str:
    if amount is None:
        return "unknown"
    exact = Decimal(str(amount))
    return f"${exact:,.2f}" if exact >= 1 or not exact else f"${exact:.4f}"


def _count(number: int | None, what: str) -> str:
    if number is None:
        return f"an unknown number of {what}s"
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _lasted(seconds: float) -> str:
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{int(seconds // length)} {unit}"
    return f"{int(seconds)} s"


def _with_code(text: str) -> str:
    """Return a sentence of ours with what was typed in code spans, so that nothing in it acts."""
    parts = text.split("`")
    return "".join(code(part) if at % 2 else escape(part) for at, part in enumerate(parts))
