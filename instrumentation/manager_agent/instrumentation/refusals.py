"""The error bodies that a refused caller sees, worded so that each SDK shows the message."""

import json
from decimal import Decimal

from manager_agent.contract.decision import Refuse, RefuseReason

_CODE: dict[RefuseReason, str] = {"over_budget": "budget_exceeded"}


def explained(refuse: Refuse) -> str:
    """Return one or two sentences: why, which limit, the sums, when it resets, what to do."""
    said = [_sentence(refuse.message)]
    sums = _sums(refuse)
    if sums:
        said.append(_sentence(sums))
    if refuse.remedy:
        said.append(_sentence(refuse.remedy))
    return f"Refused by Manager Agent ({refuse.reason}): {' '.join(said)}"


def code(refuse: Refuse) -> str:
    """Return the machine's word for a refusal: `budget_exceeded`, or the reason itself."""
    return _CODE.get(refuse.reason, refuse.reason)


def dollars(amount: Decimal) -> str:
    """Return an amount as $1.00, or with as many digits as a small one has: $0.0123."""
    cents = amount.quantize(Decimal("0.01"))
    return f"${cents:,}" if cents == amount else f"${amount.normalize():,f}"


def openai_refusal(refuse: Refuse, status: int) -> bytes:
    """OpenAI's shape, which compatible servers share."""
    word = code(refuse)
    return _body(
        {"error": {"message": explained(refuse), "type": word, "param": None, "code": word}}
    )


def anthropic_refusal(refuse: Refuse, status: int) -> bytes:
    """Anthropic's shape."""
    return _body({"type": "error", "error": {"type": code(refuse), "message": explained(refuse)}})


def gemini_refusal(refuse: Refuse, status: int) -> bytes:
    """Google's shape; `status` in it is the refusal's code in capitals."""
    error = {"code": status, "message": explained(refuse), "status": code(refuse).upper()}
    return _body({"error": error})


def bedrock_refusal(refuse: Refuse, status: int) -> bytes:
    """AWS's shape; `__type` becomes the exception's error code."""
    name = "".join(word.title() for word in code(refuse).split("_"))
    return _body({"__type": f"{name}Exception", "message": explained(refuse)})


def _body(content: dict[str, object]) -> bytes:
    return json.dumps(content).encode()


def _sentence(words: str) -> str:
    words = words.strip()
    return words if words.endswith((".", "!", "?")) else f"{words}."


def _sums(refuse: Refuse) -> str:
    parts = []
    if refuse.limit_usd is not None:
        parts.append(f"limit {dollars(refuse.limit_usd)}")
    if refuse.spent_usd is not None:
        parts.append(f"spent {dollars(refuse.spent_usd)}")
    if refuse.reserved_usd is not None:
        parts.append(f"reserved {dollars(refuse.reserved_usd)}")
    if refuse.resets_at is not None:
        parts.append(f"resets at {refuse.resets_at:%Y-%m-%dT%H:%M:%SZ}")
    if refuse.limit_name and refuse.limit_name not in refuse.message:
        return f"{refuse.limit_name}: {', '.join(parts)}" if parts else refuse.limit_name
    joined = ", ".join(parts)
    return joined[:1].upper() + joined[1:]
