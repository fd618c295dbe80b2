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
    url = api_url.rstrip("/") + path
    token = api_token()
    headers = {"authorization": f"Bearer {token}"} if token else {}
    try:
        request = urllib.request.Request(url, headers=headers)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=_TIMEOUT_SECONDS) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            if error.code == HTTPStatus.UNAUTHORIZED:
                raise ManagerError(f"{url}: {UNAUTHORIZED}") from error
            raise ManagerError(f"{url}: {error.code} {error.reason}") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise ManagerError(
            f"no manager answers at {api_url} ({reason}); start it with `manager-agent serve`,"
            " or name it with --api-url"
        ) from error
