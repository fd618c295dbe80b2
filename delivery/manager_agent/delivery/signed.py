"""Any other system: the message as JSON by HTTP POST, signed as Standard Webhooks has it.

`webhook-id` is the message's key, the same at each try; `webhook-timestamp` is seconds since 1970;
`webhook-signature` is `v1,` and the base64 of HMAC-SHA256 over `<id>.<timestamp>.<body>`.
"""

import base64
import hashlib
import hmac
import http.client
import json
import ssl
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime
from urllib.parse import urlsplit

from manager_agent.delivery.notifier import Failed, Outcome, Sent
from manager_agent.delivery.offload import in_daemon_thread
from manager_agent.delivery.slack.webhook import retry_after, unanswered
from manager_agent.rules.message import Message

TIMEOUT_SECONDS = 10.0
_SECRET = "whsec_"
_PASSING = frozenset({407, 408, 421, 423, 425, 429})
_GONE = frozenset({401, 403, 404, 405, 410})
"""Every message would fare the same: somebody must correct the address or the secret."""


class SignedWebhook:
    """Posts each message to one address. Follows no redirect and uses no proxy.

    `secret`: `whsec_` and base64, as the standard has it, or any text. `name`: for logs and status.
    Raises ValueError where the address is none, or the secret is too short.
    """

    def __init__(
        self,
        url: str,
        secret: str,
        clock: Callable[[], datetime],
        *,
        name: str | None = None,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        parts = urlsplit(url.strip())
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
            raise ValueError("webhooks.url: found no web address; expected https://host/path")
        self._secure, self._host, self._port = parts.scheme == "https", parts.hostname, parts.port
        self._path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._key = key_of(secret)
        self._clock = clock
        self._timeout_seconds = timeout_seconds
        self.name = name or f"webhook:{parts.hostname}"

    def __repr__(self) -> str:
        return f"SignedWebhook({self._host})"

    async def send(self, message: Message) -> Outcome:
        """Post `message` once."""
        try:
            return await in_daemon_thread(lambda: self._post(message), self._timeout_seconds)
        except TimeoutError:
            return Failed(f"{self._host} did not answer in time", permanent=False)

    def _post(self, message: Message) -> Outcome:
        body = document(message)
        headers = signed(self._key, message.key, self._clock(), body)
        connection = self._connection()
        try:
            connection.request("POST", self._path, body, headers)
            response = connection.getresponse()
            response.read(1024)
            return self._answer(response.status, dict(response.getheaders()))
        except (OSError, http.client.HTTPException) as error:
            return unanswered(error, self._host)
        finally:
            connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        seconds = self._timeout_seconds
        if self._secure:
            context = ssl.create_default_context()
            return http.client.HTTPSConnection(
                self._host, self._port, timeout=seconds, context=context
            )
        return http.client.HTTPConnection(self._host, self._port, timeout=seconds)

    def _answer(self, status: int, headers: Mapping[str, str]) -> Outcome:
        if 200 <= status < 300:
            return Sent()
        reason = f"{self._host}: HTTP {status}"
        if 300 <= status < 400:
            why = f"{reason}: a redirect, which is not followed: name the final address"
            return Failed(why, permanent=True, stops=True)
        if status in _GONE:
            why = f"{reason}: correct the address or the secret under `webhooks`"
            return Failed(why, permanent=True, stops=True)
        permanent = status < 500 and status not in _PASSING
        return Failed(reason, permanent, None if permanent else retry_after(headers))


def document(message: Message) -> bytes:
    """Return `message` as JSON; `ts` as RFC 3339, amounts as decimal strings."""
    told = asdict(message) | {"facts": dict(message.facts), "ts": message.ts.isoformat()}
    return json.dumps({"type": f"manager_agent.{message.kind}", "data": told}).encode()


def signed(key: bytes, name: str, at: datetime, body: bytes) -> dict[str, str]:
    """Return the headers of a request with this body."""
    # Keys of ours may hold what a header may not; the standard asks for a plain word.
    plain = (
        name if name.isascii() and name.isprintable() else hashlib.sha256(name.encode()).hexdigest()
    )
    stamp = str(int(at.timestamp()))
    digest = hmac.new(key, f"{plain}.{stamp}.".encode() + body, hashlib.sha256).digest()
    return {
        "content-type": "application/json",
        "user-agent": "manager-agent",
        "webhook-id": plain,
        "webhook-timestamp": stamp,
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }


def key_of(secret: str) -> bytes:
    """Return the key of a secret as it is written. Raises ValueError where it is too short."""
    try:
        whole = base64.b64decode(secret.removeprefix(_SECRET), validate=True)
    except ValueError:
        whole = b""
    key = whole if secret.startswith(_SECRET) else secret.encode()
    if len(key) < 16:
        raise ValueError("is shorter than 16 bytes; `openssl rand -hex 32` makes one")
    return key
