"""Asking a running manager over its API."""

import json
import urllib.error
import urllib.request
from http import HTTPStatus
from typing import Any

from manager_agent.app.options import api_token

_TIMEOUT_SECONDS = 35.0


UNAUTHORIZED = (
    "a token is needed that api.tokens knows; set MANAGER_API_TOKEN"
    " (`manager-agent tokens new --api` makes one)"
)


class ManagerError(Exception):
    """No manager answers, or it refuses; the message says what to do."""


class LaterError(ManagerError):
    """The manager cannot do it at present; it may be tried again."""


class NobodyError(ManagerError):
    """No manager answers there."""


def get(api_url: str, path: str, *, seconds: float = _TIMEOUT_SECONDS) -> Any:
    """Return the JSON that `GET path` answers within `seconds`. Raises `ManagerError`."""
    return _asked(api_url, path, None, seconds)


def post(api_url: str, path: str, body: Any, *, seconds: float = _TIMEOUT_SECONDS) -> Any:
    """Return the JSON that `POST path` answers to `body`, within `seconds`.

    Raises `ManagerError`, and `LaterError` where it may be tried again.
    """
    return _asked(api_url, path, json.dumps(body).encode(), seconds)


def patch(api_url: str, path: str, body: Any) -> Any:
    """Return the JSON that `PATCH path` answers to `body`. Raises `ManagerError`."""
    return _asked(api_url, path, json.dumps(body).encode(), _TIMEOUT_SECONDS, "PATCH")


def delete(api_url: str, path: str) -> Any:
    """Return the JSON that `DELETE path` answers. Raises `ManagerError`."""
    return _asked(api_url, path, None, _TIMEOUT_SECONDS, "DELETE")


def _asked(
    api_url: str, path: str, body: bytes | None, seconds: float, method: str | None = None
) -> Any:
    url = api_url.rstrip("/") + path
    headers = {"content-type": "application/json", "user-agent": "manager-agent/cli"}
    request = urllib.request.Request(url, body, headers, method=method)
    token = api_token()
    if token:
        request.add_header("authorization", f"Bearer {token}")
    try:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=seconds) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            if error.code == HTTPStatus.UNAUTHORIZED:
                raise ManagerError(f"{url}: {UNAUTHORIZED}") from error
            later = error.code == HTTPStatus.SERVICE_UNAVAILABLE
            kind = LaterError if later else ManagerError
            raise kind(f"{url}: {error.code} {_detail(error)}") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise NobodyError(
            f"no manager answers at {api_url} ({reason}); start it with `manager-agent serve`,"
            " or name it with --api-url"
        ) from error


def _detail(error: urllib.error.HTTPError) -> str:
    """Return what a refusal says of itself (RFC 9457), else its reason."""
    try:
        return str(json.loads(error.read())["detail"])
    except (ValueError, KeyError, TypeError, OSError):
        return str(error.reason)
