"""Of which kind an error is: by its words for machines, its status, its sentence."""

import re
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

from manager_agent.rules.issues.error import Failed
from manager_agent.rules.issues.kinds import Kind
from manager_agent.rules.issues.unwrap import alike, codes, said, status_in

_WORDS: tuple[tuple[Kind, str], ...] = (
    (
        "quota",
        r"insufficient[_ ](quota|credits?|balance|funds)|credit balance|exceeded your current"
        r" quota|billing|payment required|requires? more credits|spend(ing)? limit|out of"
        r" credits|usage limits?\b.*regain|insufficient_user_quota|hard limit has been reached",
    ),
    (
        "context_length",
        r"context[_ ](length|window)|maximum context|prompt is too long|too many (input )?tokens"
        r"|input is too long|token count .*exceeds|reduce the length|exceeds? the (maximum"
        r"|maximum allowed|model's)? ?(number of )?(input )?(tokens|context|length)|max_prompt"
        r"|string_above_max_length|request too large for model|input length",
    ),
    (
        "content_filter",
        r"content[_ ](filter|policy|management|moderation)|responsible ?ai|safety (system"
        r"|reasons|settings)|blocked by|prohibited[_ ]content|flagged|guardrail|moderation"
        r"|invalid_prompt|usage polic|recitation",
    ),
    (
        "model_not_found",
        r"model[_ ]not[_ ]found|model .{0,80}(does not exist|not found|is not supported"
        r"|has been (deprecated|retired)|not available|no longer available)"
        r"|not_?found_?error.*model|deploymentnotfound|deployment .*does not exist"
        r"|no (allowed providers|endpoints found)"
        r"|not a valid model|invalid model|unknown model|decommissioned"
        r"|don't have access to the model|model identifier is invalid|end of its life"
        r"|unsupported model",
    ),
    (
        "auth",
        r"invalid[_ ](api[_ ]?key|x-api-key|authentication|token|subscription)|incorrect api key"
        r"|authenticat|unauthori[sz]ed|permission|access ?denied|forbidden"
        r"|api key (not valid|expired)|unrecognizedclient|expiredtoken|security token|signature"
        r"|no auth|credential|api_key client option must be set|missing api key|user not found"
        r"|not authorized",
    ),
    (
        "rate_limit",
        r"rate[_ -]?limit|too many requests|throttl|resource[_ ]?(has been )?exhausted"
        r"|requests per|tokens per (min|day)|slow down|quota exceeded|exceeded .{0,20}quota"
        r"|too_many_requests|toomanyrequests",
    ),
    (
        "overloaded",
        r"overload|at capacity|over capacity|capacity (exceeded|constraints)|engine is busy"
        r"|modelnotready|no healthy upstream|currently (loading|unavailable)|service unavailable"
        r"|serviceunavailable|temporarily unavailable|high demand",
    ),
    (
        "bad_answer",
        r"jsondecode|output ?pars|expecting value|unterminated string|could not parse"
        r"|invalid json (output|response)|lengthfinishreason|did not match schema"
        r"|exceeded maximum retries.*(output|result)|unexpectedmodelbehavior|failed to parse",
    ),
    ("timeout", r"timed?[ _-]?out|timeout|deadline[_ ]exceeded|took too long"),
    (
        "connection",
        r"connect(ion|or)?[ _]?(error|refused|reset|aborted|closed|lost|broken|terminated)"
        r"|cannot connect|failed to connect|connection|disconnected|name or service"
        r"|name resolution|getaddrinfo|nodename|ssl|certificate|tls|broken pipe|network"
        r"|unreachable|incomplete (chunked )?read|peer closed|eof occurred|remoteprotocol"
        r"|max retries exceeded|dns|response payload is not completed|socket",
    ),
)
_BY_WORDS = tuple((kind, re.compile(words, re.IGNORECASE)) for kind, words in _WORDS)
_BY_STATUS: Mapping[int, Kind] = MappingProxyType(
    {
        401: "auth",
        402: "quota",
        403: "auth",
        408: "timeout",
        413: "context_length",
        424: "bad_request",
        429: "rate_limit",
        503: "overloaded",
        504: "timeout",
        529: "overloaded",
    }
)
_NETWORK: frozenset[Kind] = frozenset({"timeout", "connection", "bad_answer"})
_BAD_REQUEST = re.compile(
    r"bad ?request|client ?error|conflict|invalid[_ ]?(request|argument|value|type|parameter)"
    r"|unprocessable|validation|unsupported|required|missing|must be|not supported|not ?found",
    re.IGNORECASE,
)
_SERVER = re.compile(
    r"internal ?(server)? ?error|server ?(had an )?error|bad gateway|api_error", re.I
)


def status_of(failed: Failed) -> int | None:
    """Return the HTTP status, also where only the class or the text tells it."""
    return _status(failed.error_type, failed.http_status, failed.message)


def kind_of(failed: Failed) -> Kind:
    """Return the kind of an error: by its words for machines, its status, then its sentence."""
    if failed.source == "tool":
        return "tool_error"
    return kind_of_call(failed.error_type, failed.http_status, failed.message)


@lru_cache(8192)
def kind_told(error_type: str, status: int | None, message: str) -> Kind:
    """Return the kind of a call's error by class, status, and what it says, made `alike`."""
    text = " ".join((error_type, said(message), *sorted(codes(message))))
    return _kind(alike(text), status)


@lru_cache(16_384)  # a rule asks about the same errors at each look for ten minutes
def kind_of_call(error_type: str, http_status: int | None, whole: str) -> Kind:
    """Return what `kind_of` does of a call's error, by all that it depends on."""
    return kind_told(error_type, _status(error_type, http_status, whole), alike(whole))


def _status(error_type: str, http_status: int | None, message: str) -> int | None:
    if http_status is not None:
        return http_status
    if error_type.isdecimal() and len(error_type) == 3:
        return int(error_type)
    return status_in(message)


@lru_cache(8192)
def _kind(text: str, status: int | None) -> Kind:
    told = next((kind for kind, words in _BY_WORDS if words.search(text)), None)
    if status is None or status < 400:
        return told or _last_resort(text)
    if told is not None and _fits(told, status):
        return told
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    return "server_error" if status >= 500 else "bad_request"


def _fits(kind: Kind, status: int) -> bool:
    """Say whether the words of a text agree with its status, which is the surer of the two."""
    if status >= 500:
        return kind in ("overloaded", "timeout")
    if status in (401, 402):
        return kind == "quota"
    if status == 429:
        return kind in ("quota", "rate_limit", "overloaded", "context_length")
    if status == 403:
        return kind in ("auth", "quota", "content_filter", "model_not_found")
    if kind in _NETWORK:
        return False
    return status == 400 or kind not in ("auth", "rate_limit", "overloaded")


def _last_resort(text: str) -> Kind:
    if _SERVER.search(text):
        return "server_error"
    return "bad_request" if _BAD_REQUEST.search(text) else "other"
