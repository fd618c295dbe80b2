"""Requests that Slack signed: who may speak for Slack over HTTP, and each of them only once."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from slack_sdk.signature import Clock, SignatureVerifier

WINDOW_SECONDS = 300
"""How old, or how far ahead of our clock, a request may be; Slack's own rule."""

EARLY_SECONDS = 10
"""How much earlier than our start a request may have been signed: clocks differ."""


@dataclass(frozen=True, slots=True)
class Unsigned:
    """Why a request is not taken for Slack's; `text` says what to do."""

    reason: Literal["unsigned", "stale", "forged", "replayed"]
    text: str


class SignatureDoor:
    """Lets each request in once that Slack signed in the last minutes.

    What was let in is remembered for the window. That memory ends with the process, so what was
    signed before the start is refused too: a restart lets nothing in a second time.
    `clock`: seconds since 1970. Methods may be called from any thread.
    """

    def __init__(self, secret: str, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._verifier = SignatureVerifier(secret, _Given(clock))
        self._seen: dict[str, float] = {}
        self._lock = threading.Lock()
        self._since = clock() - EARLY_SECONDS

    def check(self, body: bytes, headers: Mapping[str, str]) -> Unsigned | None:
        """Return why a request is not let in; None: it is Slack's, and new. `headers`: any case."""
        named = {name.lower(): text for name, text in headers.items()}
        stamp = named.get("x-slack-request-timestamp", "")
        signature = named.get("x-slack-signature", "")
        if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 12 and signature):
            return Unsigned("unsigned", "it carries no signature of Slack")
        now = self._clock()
        if abs(now - int(stamp)) > WINDOW_SECONDS:
            return Unsigned("stale", "it was signed more than 5 minutes away from our clock")
        if not self._valid(body, stamp, signature):
            return Unsigned("forged", "the signature is not Slack's; is the signing secret right?")
        if int(stamp) < self._since:
            return Unsigned("replayed", "it was signed before the manager started")
        return self._first(signature, now)

    def _valid(self, body: bytes, stamp: str, signature: str) -> bool:
        if not signature.isascii():
            return False  # the comparison in constant time takes no other text
        try:
            return self._verifier.is_valid(body, stamp, signature)
        except UnicodeDecodeError:
            return False  # Slack sends text

    def _first(self, signature: str, now: float) -> Unsigned | None:
        with self._lock:
            kept = 2 * WINDOW_SECONDS  # it may have been signed ahead of our clock
            self._seen = {one: at for one, at in self._seen.items() if now - at <= kept}
            if signature in self._seen:
                return Unsigned("replayed", "it was taken before")
            self._seen[signature] = now
        return None


class _Given(Clock):
    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock

    def now(self) -> float:
        return self._clock()
