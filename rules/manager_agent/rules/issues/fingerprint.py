"""Which errors may be one issue at all: the part of a fingerprint that no similarity decides."""

from dataclasses import asdict, dataclass
from functools import lru_cache
from hashlib import sha256
from typing import Any

from manager_agent.contract.family import UNKNOWN, family_of
from manager_agent.rules.issues.error import Failed
from manager_agent.rules.issues.kinds import ABOUT, Kind
from manager_agent.rules.issues.recognise import kind_told, status_of
from manager_agent.rules.issues.unwrap import alike, said


@dataclass(frozen=True, slots=True)
class Scope:
    """Errors of different scopes are never one issue, however alike their words.

    Not the agent: who shares an issue is a part of its facts. `family`: of the model, empty where
    the kind is a matter of the whole provider. `error_type`: the class without its package, where
    it tells more than the kind. `status`: HTTP, of tools, and of errors that say nothing else: not
    every emitter tells it, and the kind of a call's error is read off it where one does.
    """

    kind: Kind
    provider: str = ""
    family: str = ""
    tool: str = ""
    error_type: str = ""
    status: int | None = None

    def facts(self) -> dict[str, Any]:
        """Return what matched, without what is empty."""
        return {name: value for name, value in asdict(self).items() if value not in ("", None)}


_SAYS_NOTHING = frozenset({"", "error", "exception", "runtimeerror", "_other", "toolerror"})


def scope_of(failed: Failed) -> Scope:
    """Return the scope of an error."""
    status, error_type = status_of(failed), failed.error_type
    if failed.source == "tool":
        return _of_tool(failed.tool, error_type, status)
    return _of_call(failed.provider, failed.model, error_type, status, alike(failed.message))


@lru_cache(8192)
def _of_tool(tool: str, error_type: str, status: int | None) -> Scope:
    return Scope("tool_error", tool=tool, error_type=_class(error_type), status=status)


@lru_cache(8192)
def _of_call(provider: str, model: str, error_type: str, status: int | None, message: str) -> Scope:
    """Return the scope of calls whose messages are `alike`: thousands of errors are a few such."""
    kind = kind_told(error_type, status, message)
    about = ABOUT[kind]
    family = family_of(model) if about.of_model else ""
    return Scope(
        kind,
        provider=provider,
        family="" if family == UNKNOWN else family,
        error_type=_class(error_type) if about.typed else "",
        status=None if said(message) else status,
    )


def fingerprint(version: int, scope: Scope, tokens: tuple[str, ...]) -> str:
    """Return 16 hex digits of a scope and the words that a template began with.

    `version`: of the way from text to words; another way is another fingerprint.
    """
    whole = repr((version, sorted(scope.facts().items()), tokens))
    return sha256(whole.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _class(error_type: str) -> str:
    """Return `RateLimitError` of `openai.RateLimitError` and nothing of a number."""
    name = error_type.rsplit(".", 1)[-1].strip()
    return "" if name.isdecimal() or name.lower() in _SAYS_NOTHING else name[:80]
