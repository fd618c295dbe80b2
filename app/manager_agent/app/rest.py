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


def get(api_url: str, path: str) -> Any:
    """Return the JSON that `GET path` answers. Raises `ManagerError`."""
    return _ask(api_url, urllib.request.Request(api_url.rstrip("/") + path), _TIMEOUT_SECONDS)


def post(api_url: str, path: str, body: dict[str, Any], timeout: float = 600.0) -> Any:
    """Return the JSON that `POST path` answers within `timeout` seconds. Raises `ManagerError`."""
    request = urllib.request.Request(
        api_url.rstrip("/") + path,
        data=json.dumps(body).encode(),
        headers={"content-type": "application/json"},
    )
    return _ask(api_url, request, timeout)


def _ask(api_url: str, request: urllib.request.Request, timeout: float) -> Any:
    token = api_token()
    if token:
        request.add_header("authorization", f"Bearer {token}")
    try:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=timeout) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            if error.code == HTTPStatus.UNAUTHORIZED:
                raise ManagerError(f"{request.full_url}: {UNAUTHORIZED}") from error
            detail = _detail(error.read())
            raise ManagerError(
                f"{request.full_url}: {error.code} {detail or error.reason}"
            ) from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise ManagerError(
            f"no manager answers at {api_url} ({reason}); start it with `manager-agent serve`,"
            " or name it with --api-url"
        ) from error


def _detail(body: bytes) -> str:
    """Return what a refusal says of itself (RFC 9457); empty where it says nothing."""
    try:
        return str(json.loads(body)["detail"])
    except (ValueError, KeyError, TypeError):
        return ""
