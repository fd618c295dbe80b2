"""A policy of this process alone, read from a JSON file: for trying out, tests and stand-ins.

`MANAGER_LOCAL_POLICY` names the file. It is a list of rules; the first one that matches decides,
and a call that none matches passes.

    [{"match": {"agent": "research*", "model": "gpt-4o*"}, "decision": "hold",
      "message": "research wants gpt-4o.", "timeout_seconds": 60, "on_timeout": "deny"},
     {"match": {"agent": "batch"}, "decision": "refuse", "message": "No batches today.",
      "remedy": "Come back tomorrow.", "limit_name": "daily_limit_usd of agent batch",
      "limit_usd": "10", "spent_usd": "10.02", "resets_at": "2026-11-27T00:00:00Z"},
     {"match": {"provider": "openai"}, "decision": "allow"}]
"""

import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from fnmatch import fnmatchcase
from typing import Any, Literal, get_args

from manager_agent.contract.decision import Allow, Decision, Hold, Refuse, RefuseReason, Wait
from manager_agent.instrumentation import mishap
from manager_agent.instrumentation.call import Ask, Ended
from manager_agent.instrumentation.holding import pause, unanswered
from manager_agent.instrumentation.policy import Policy

VARIABLE = "MANAGER_LOCAL_POLICY"
_POLL_SECONDS = 0.05
_MATCHED = ("agent", "model", "provider", "operation")


class AllowAll:
    """Nobody decides: every call passes."""

    _ALLOW = Allow("no_policy")

    def decide(self, ask: Ask) -> Decision:
        """Let it pass."""
        return self._ALLOW

    def wait(self, ask: Ask, hold: Hold | Wait) -> Allow | Refuse:
        """Let it pass; nothing is ever held."""
        return self._ALLOW

    async def wait_async(self, ask: Ask, hold: Hold | Wait) -> Allow | Refuse:
        """Let it pass; nothing is ever held."""
        return self._ALLOW

    def settle(self, ended: Ended) -> None:
        """Keep no account."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of the file; its fields are the keys that a rule may have.

    `match`: glob patterns (case matters, `*` `?` `[abc]`) for `agent`, `model` (a request without
    a model has the empty one), `provider` and `operation`; what is left out matches all.
    `decision`: `allow`, `refuse` or `hold`.
    Of a refusal: `reason`, one of `RefuseReason` (`local_policy` unless said; `breaker_open` is
    answered 503, all others 402); `message`, why, and `remedy`, what to do, one sentence each;
    `limit_name`, `limit_usd`, `spent_usd`, `reserved_usd` (USD, number or text) and `resets_at`
    (ISO 8601; UTC unless it says) of the limit that is in the way.
    Of a hold: `message`; `timeout_seconds`, how long to wait for an answer; `on_timeout`, `allow`
    or `deny`: what holds without one.
    """

    match: Mapping[str, str]
    decision: Literal["allow", "refuse", "hold"]
    reason: RefuseReason = "local_policy"
    message: str = "The local policy does not allow this call."
    remedy: str = f"Change the file that {VARIABLE} names, and start the agent anew."
    limit_name: str | None = None
    limit_usd: Decimal | None = None
    spent_usd: Decimal | None = None
    reserved_usd: Decimal | None = None
    resets_at: datetime | None = None
    timeout_seconds: float = 120.0
    on_timeout: Literal["allow", "deny"] = "deny"

    def matches(self, ask: Ask) -> bool:
        """Say whether this rule is about this call."""
        said = {
            "agent": ask.identity.agent,
            "model": ask.asked.model or "",
            "provider": ask.endpoint.provider,
            "operation": ask.endpoint.operation,
        }
        return all(fnmatchcase(said[name], pattern) for name, pattern in self.match.items())

    def decide(self, ask: Ask) -> Decision:
        """Return what this rule says about a call it matches."""
        if self.decision == "allow":
            return Allow("local_policy")
        if self.decision == "hold":
            approval = f"local-{ask.call_id}"
            return Hold(approval, self.message, self.timeout_seconds, self.on_timeout)
        return Refuse(
            self.reason,
            self.message,
            self.remedy,
            self.limit_name,
            self.limit_usd,
            self.spent_usd,
            self.reserved_usd,
            self.resets_at,
        )


class LocalPolicy:
    """Decides by rules in their order. A held call waits for `answer`, or for the file to change.

    The file is read at the start, and again while a call waits: its new rules then decide about
    the call that waits, and about those after it. A file that became wrong changes nothing.
    """

    def __init__(self, rules: tuple[Rule, ...], path: str | None = None) -> None:
        self.rules = rules
        self._path = path
        self._read_at = _changed(path)
        self._answers: dict[str, Allow | Refuse] = {}
        self._waiting: dict[str, Hold] = {}

    def decide(self, ask: Ask) -> Decision:
        """Return what the first matching rule says."""
        for rule in self.rules:
            if rule.matches(ask):
                return rule.decide(ask)
        return Allow("no_policy")

    def pending(self) -> tuple[Hold, ...]:
        """Return what waits for an answer."""
        return tuple(self._waiting.values())

    def answer(self, approval_id: str, decision: Literal["allow", "deny"]) -> bool:
        """Answer for a held call; return False where none of that id waits."""
        hold = self._waiting.get(approval_id)
        if hold is None:
            return False
        denied = Refuse("denied", f"{hold.message} It was denied.", "Ask who denied it.")
        self._answers[approval_id] = Allow("approved") if decision == "allow" else denied
        return True

    def wait(self, ask: Ask, hold: Hold | Wait) -> Allow | Refuse:
        """Block until answered, at most the hold's timeout."""
        assert isinstance(hold, Hold), "no rule of a file lets a call wait for money"
        deadline = self._begin(hold)
        try:
            while (decided := self._decided(ask, hold, deadline)) is None:
                time.sleep(min(_POLL_SECONDS, max(deadline - time.monotonic(), 0)))
            return decided
        finally:
            self._end(hold)

    async def wait_async(self, ask: Ask, hold: Hold | Wait) -> Allow | Refuse:
        """Do as `wait` does; the event loop is free meanwhile, asyncio's or trio's."""
        assert isinstance(hold, Hold), "no rule of a file lets a call wait for money"
        deadline = self._begin(hold)
        try:
            while (decided := self._decided(ask, hold, deadline)) is None:
                await pause(min(_POLL_SECONDS, max(deadline - time.monotonic(), 0)))
            return decided
        finally:
            self._end(hold)

    def settle(self, ended: Ended) -> None:
        """Keep no account."""

    def _begin(self, hold: Hold) -> float:
        self._waiting[hold.approval_id] = hold
        return time.monotonic() + hold.timeout_seconds

    def _end(self, hold: Hold) -> None:
        self._waiting.pop(hold.approval_id, None)
        self._answers.pop(hold.approval_id, None)

    def _decided(self, ask: Ask, hold: Hold, deadline: float) -> Allow | Refuse | None:
        answered = self._answers.get(hold.approval_id)
        if answered is not None:
            return answered
        if self._reread():
            decision = self.decide(ask)
            if isinstance(decision, Refuse):
                return decision
            if isinstance(decision, Allow):
                return Allow("approved")
        return unanswered(hold) if time.monotonic() >= deadline else None

    def _reread(self) -> bool:
        """Read the file anew where it changed; return whether there are other rules now."""
        changed = _changed(self._path)
        if self._path is None or changed in (None, self._read_at):
            return False
        self._read_at = changed
        try:
            self.rules = read(self._path)
        except ValueError as error:
            mishap.warn(str(error), f"{error}; the rules from before stay in force")
            return False
        return True


def from_environment(env: Mapping[str, str]) -> Policy:
    """Return the policy of `MANAGER_LOCAL_POLICY`; without one, or a wrong one, calls pass."""
    path = env.get(VARIABLE)
    if not path:
        return AllowAll()
    try:
        return LocalPolicy(read(path), path)
    except ValueError as error:
        mishap.warn(str(error), f"{error}; until then every call passes")
        return AllowAll()


def read(path: str) -> tuple[Rule, ...]:
    """Read the rules of a file; `ValueError` names the key that is wrong and what to do."""
    try:
        with open(path, "rb") as file:
            found = json.load(file)
    except (OSError, ValueError) as error:
        raise ValueError(
            f"{VARIABLE}: {path} cannot be read as JSON ({error}); correct it"
        ) from error
    if not isinstance(found, list):
        kind = type(found).__name__
        raise ValueError(f"{VARIABLE}: {path}: a list of rules is wanted, found {kind}")
    return tuple(_rule(f"{VARIABLE}: {path}: rule {n}", each) for n, each in enumerate(found, 1))


def _rule(where: str, found: object) -> Rule:
    known = {field.name for field in fields(Rule)}
    if not isinstance(found, dict):
        raise ValueError(f"{where}: an object is wanted, found {found!r}")
    for key in found.keys() - known:
        raise ValueError(f"{where}: unknown key {key!r}; known are {', '.join(sorted(known))}")
    values: dict[str, Any] = {"match": {}} | found
    _check_match(where, values["match"])
    _one_of(where, "decision", values.get("decision"), ("allow", "refuse", "hold"))
    _one_of(where, "reason", values.get("reason", "local_policy"), get_args(RefuseReason))
    _one_of(where, "on_timeout", values.get("on_timeout", "deny"), ("allow", "deny"))
    for key in ("message", "remedy", "limit_name"):
        if not isinstance(values.get(key, ""), str):
            raise ValueError(f"{where}: {key}: text is wanted, found {values[key]!r}")
    for key in ("limit_usd", "spent_usd", "reserved_usd"):
        if key in values:
            values[key] = _usd(where, key, values[key])
    if "resets_at" in values:
        values["resets_at"] = _time(where, values["resets_at"])
    seconds = values.get("timeout_seconds", 0)
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or seconds < 0:
        raise ValueError(f"{where}: timeout_seconds: a number from 0 is wanted, found {seconds!r}")
    return Rule(**values)


def _check_match(where: str, found: object) -> None:
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise ValueError(f"{where}: match: an object of texts is wanted, found {found!r}")
    for key in found.keys() - set(_MATCHED):
        raise ValueError(f"{where}: match: unknown key {key!r}; known are {', '.join(_MATCHED)}")


def _one_of(where: str, key: str, found: object, known: tuple[str, ...]) -> None:
    if found not in known:
        raise ValueError(f"{where}: {key}: one of {', '.join(known)} is wanted, found {found!r}")


def _usd(where: str, key: str, found: object) -> Decimal:
    try:
        if isinstance(found, bool):
            raise InvalidOperation
        return Decimal(str(found))
    except InvalidOperation:
        raise ValueError(f"{where}: {key}: USD are wanted, found {found!r}") from None


def _time(where: str, found: object) -> datetime:
    try:
        time = datetime.fromisoformat(str(found))
    except ValueError:
        raise ValueError(f"{where}: resets_at: ISO 8601 is wanted, found {found!r}") from None
    return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)


def _changed(path: str | None) -> int | None:
    """Return when a file was last written, None where there is none."""
    try:
        return os.stat(path).st_mtime_ns if path else None
    except OSError:
        return None
