"""Errors in a line, for tests of issues. The clock stands at NOW."""

from datetime import datetime, timedelta
from typing import Any

from manager_agent.rules.issues.error import Failed
from manager_agent.rules.testing import NOW

HOUR = timedelta(hours=1)
LIMITED = (
    "Error code: 429 - {'error': {'message': 'Rate limit reached for gpt-4o in organization"
    " org-abc123 on tokens per min (TPM): Limit 30000, Used 29871, Requested 512. Please try again"
    " in 766ms.', 'type': 'tokens', 'param': None, 'code': 'rate_limit_exceeded'}}"
)
NO_KEY = (
    "Error code: 401 - {'error': {'message': 'Incorrect API key provided: sk-12345. You can find"
    " your API key at https://platform.openai.com/account/api-keys.', 'type':"
    " 'invalid_request_error', 'param': None, 'code': 'invalid_api_key'}}"
)


def failed(
    number: int, message: str = LIMITED, *, ago: float = 10, now: datetime = NOW, **more: Any
) -> Failed:
    """Return a call that failed so many minutes before `now`."""
    values: dict[str, Any] = {
        "key": f"call {number}",
        "ts": now - timedelta(minutes=ago),
        "source": "call",
        "agent": "writer",
        "provider": "openai",
        "model": "gpt-4o",
        "error_type": "RateLimitError",
        "message": message,
        "cost": 0,
        "call_id": str(number),
    }
    return Failed(**{**values, **more})
