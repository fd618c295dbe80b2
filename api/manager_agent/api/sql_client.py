"""Asks a manager's SQL endpoint, with the standard library alone."""

import json
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from typing import Any, Literal

_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_TIMEOUT_SECONDS = 60.0


class SqlClientError(Exception):
    """The manager gave no answer; the message says why and what to do.

    `status`: the HTTP status, None where the manager was not reached.
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Answer:
    """A result as it arrived: `body` in the format asked for.

    `columns`, `rows`: the table, for JSON only, else empty. `age_seconds`: how old the data may
    be. `truncated`: the manager cut the rows off at its limit.
    """

    body: bytes
    columns: list[str]
    rows: list[list[Any]]
    age_seconds: float
    truncated: bool


def query(
    api_url: str,
    sql: str,
    fmt: Literal["json", "csv", "arrow"] = "json",
    fresh: bool = False,
    *,
    params: list[Any] | dict[str, Any] | None = None,
    token: str | None = None,
    timeout: float = _TIMEOUT_SECONDS,
) -> Answer:
    """Return the answer of the manager at `api_url` (`http://host:port`) to the statement `sql`.

    Raises `SqlClientError`.
    """
    headers = {"content-type": "application/json"}
    if token:
        headers["authorization"] = f"Bearer {token}"
    body = {"query": sql, "format": fmt, "fresh": fresh, "params": params}
    try:
        request = urllib.request.Request(
            api_url.rstrip("/") + "/api/v1/sql", json.dumps(body).encode(), headers
        )
        with _opener(api_url).open(request, timeout=timeout) as response:
            return _answer(fmt, response.read(), response.headers)
    except urllib.error.HTTPError as error:
        with error:
            raise SqlClientError(_detail(error), error.code) from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        message = (
            f"no manager answers at {api_url}: {reason}; start it with `manager-agent serve`,"
            " or name it with --api-url"
        )
        raise SqlClientError(message) from error


def _opener(api_url: str) -> urllib.request.OpenerDirector:
    if urllib.parse.urlsplit(api_url).hostname in _LOOPBACK:
        # A company's proxy has no way to this machine.
        return urllib.request.build_opener(urllib.request.ProxyHandler({}))
    return urllib.request.build_opener()


def _answer(fmt: str, body: bytes, headers: Any) -> Answer:
    if headers["x-snapshot-age-seconds"] is None:
        raise ValueError("what answers there is no manager")
    table = json.loads(body) if fmt == "json" else {"columns": [], "rows": []}
    return Answer(
        body=body,
        columns=table["columns"],
        rows=table["rows"],
        age_seconds=float(headers["x-snapshot-age-seconds"]),
        truncated=headers["x-truncated"] == "true",
    )


def _detail(error: urllib.error.HTTPError) -> str:
    body = error.read()
    try:
        return str(json.loads(body)["detail"])
    except (ValueError, KeyError, TypeError):
        return f"HTTP {error.code} from {error.url}: {body[:200].decode(errors='replace')}"
