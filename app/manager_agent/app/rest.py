"""Asking a running manager over its API."""

import json
import urllib.error
import urllib.request
from typing import Any

_TIMEOUT_SECONDS = 35.0


class ManagerError(Exception):
    """No manager answers, or it refuses; the message says what to do."""


class LaterError(ManagerError):
    """The manager cannot do it at present; it may be tried again."""


def get(api_url: str, path: str) -> Any:
    """Return the JSON that `GET path` answers. Raises `ManagerError`."""
    return _asked(api_url, path, None, _TIMEOUT_SECONDS)


def post(api_url: str, path: str, body: Any, *, seconds: float = _TIMEOUT_SECONDS) -> Any:
    """Return the JSON that `POST path` answers to `body`, within `seconds`.

    Raises `ManagerError`, and `LaterError` where it may be tried again.
    """
    return _asked(api_url, path, json.dumps(body).encode(), seconds)


def _asked(api_url: str, path: str, body: bytes | None, seconds: float) -> Any:
    url = api_url.rstrip("/") + path
    try:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        request = urllib.request.Request(url, body, {"content-type": "application/json"})
        with opener.open(request, timeout=seconds) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            kind = LaterError if error.code == 503 else ManagerError
            raise kind(f"{url}: {error.code} {_detail(error)}") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise ManagerError(
            f"no manager answers at {api_url} ({reason}); start it with `manager-agent serve`,"
            " or name it with --api-url"
        ) from error


def _detail(error: urllib.error.HTTPError) -> str:
    try:
        return str(json.loads(error.read())["detail"])
    except (ValueError, KeyError, TypeError, OSError):
        return str(error.reason)
