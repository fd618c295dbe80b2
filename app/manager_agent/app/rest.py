"""Asking a running manager over its API."""

import json
import urllib.error
import urllib.request
from typing import Any

_TIMEOUT_SECONDS = 35.0


class ManagerError(Exception):
    """No manager answers, or it refuses; the message says what to do."""


def get(api_url: str, path: str) -> Any:
    """Return the JSON that `GET path` answers. Raises `ManagerError`."""
    url = api_url.rstrip("/") + path
    try:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(url, timeout=_TIMEOUT_SECONDS) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            raise ManagerError(f"{url}: {error.code} {error.reason}") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise ManagerError(
            f"no manager answers at {api_url} ({reason}); start it with `manager-agent serve`,"
            " or name it with --api-url"
        ) from error
