"""How a call went, as breakers count it: what is the provider's failure and what is not."""

from typing import Literal

from manager_agent.instrumentation.call import Ended

Outcome = Literal[
    "ok",
    "failed",  # 5xx, no connection, a time-out, an answer that broke off
    "pressure",  # "too many requests"
    "neither",  # says nothing of the provider: 4xx, cancelled, a mistake of the caller's
]

_TOO_MANY = 429
_PRESSURE = ("rate_limit", "ratelimit", "throttl", "too_many", "resource_exhausted", "429")
_ASKED_WRONGLY = ("invalid", "authent", "permission", "not_found", "too_large", "billing")
_CALLERS = frozenset(
    (
        *("TypeError", "ValueError", "KeyError", "AttributeError", "RuntimeError", "UnicodeError"),
        *("UnicodeEncodeError", "UnicodeDecodeError", "AssertionError", "NotImplementedError"),
        *("InvalidURL", "InvalidSchema", "MissingSchema", "UnsupportedProtocol", "InvalidHeader"),
        *("LocalProtocolError", "CookieConflict", "TooManyRedirects", "StreamConsumed"),
        *("PoolTimeout", "InvalidUrlClientError", "ParamValidationError", "NoCredentialsError"),
    )
)
"""Classes of exceptions that the provider had no part in."""


def outcome_of(ended: Ended) -> Outcome:
    """Return how a call went that was allowed and has ended."""
    status = ended.status
    if status is None:
        return _unanswered(ended)
    if status == _TOO_MANY:
        return "pressure"
    if status >= 500:
        return "failed"
    if status >= 400:
        return "neither"
    if ended.ending == "broken":
        return _unanswered(ended)
    if ended.ending == "cancelled":
        return "failed" if _timed_out(ended) else "neither"
    return _told(ended.counted.error_type)


def _unanswered(ended: Ended) -> Outcome:
    """Judge by the exception that the caller saw."""
    if ended.failure in _CALLERS:
        return "neither"
    if ended.ending == "broken" or _timed_out(ended):
        return "failed"
    return "neither"


def _timed_out(ended: Ended) -> bool:
    return ended.failure is not None and "Timeout" in ended.failure


def _told(error: str | None) -> Outcome:
    """Judge a stream that began well by the error that came inside it, if one did."""
    if error is None:
        return "ok"
    said = error.lower()
    if any(word in said for word in _PRESSURE):
        return "pressure"
    if any(word in said for word in _ASKED_WRONGLY):
        return "neither"
    return "failed"
