"""One request to the manager's API, by the standard library."""

import json
import time
from typing import Any
from urllib.parse import urlsplit, urlunsplit

_UNAVAILABLE, _UNAUTHORIZED = 503, 401
_PASSING = (_UNAUTHORIZED, 429, 502, _UNAVAILABLE, 504)
_PAUSE_SECONDS = 0.2
_MOST_BYTES = 64 << 20


class ManagerError(Exception):
    """The manager does not answer, or refuses; the message names its address and what to do.

    `status`: of its answer, None where there was none. `errors`: each thing that was wrong with
    what was asked, as the manager words it.
    """

    def __init__(
        self, message: str, status: int | None = None, errors: tuple[str, ...] = ()
    ) -> None:
        super().__init__(message)
        self.status = status
        self.errors = errors

    @property
    def may_pass(self) -> bool:
        """Whether the same request may succeed later, with nothing changed about it."""
        return self.status is None or self.status in _PASSING


def ask(
    method: str, url: str, body: Any = None, *, token: str | None, seconds: float
) -> dict[str, Any]:
    """Return the JSON object of the answer; asks again, within `seconds`, where told "later".

    The token goes to this address alone: redirections are not followed, proxies not asked. Raises
    `ManagerError`.
    """
    deadline = time.monotonic() + seconds
    while True:
        left = max(0.1, deadline - time.monotonic())
        try:
            return _asked(method, url, body, token, left)
        except ManagerError as error:
            if error.status != _UNAVAILABLE or time.monotonic() + _PAUSE_SECONDS >= deadline:
                raise
        time.sleep(_PAUSE_SECONDS)


def without_secrets(url: str) -> str:
    """Return `url` as it may be shown: without a user and password written into it."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _asked(method: str, url: str, body: Any, token: str | None, seconds: float) -> dict[str, Any]:
    import urllib.error  # here, for most agents never ask
    import urllib.request

    class Stay(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_: Any) -> None:
            return None

    headers = {"accept": "application/json"}
    data = None
    if body is not None:
        data, headers["content-type"] = json.dumps(body).encode(), "application/json"
    if token:
        headers["authorization"] = f"Bearer {token}"
    shown = without_secrets(url)
    try:
        request = urllib.request.Request(shown, data, headers, method=method)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), Stay)
        with opener.open(request, timeout=seconds) as answer:
            return _object(answer.read(_MOST_BYTES), shown)
    except urllib.error.HTTPError as error:
        with error:
            raise _refused(method, shown, error.code, error.read(_MOST_BYTES)) from None
    except OSError as error:
        raise _away(shown, getattr(error, "reason", error)) from None
    except ValueError as error:
        raise ManagerError(
            f"{shown!r} is no address of a manager ({error}); set MANAGER_API_URL to one such as"
            " http://127.0.0.1:5002"
        ) from None


def _object(body: bytes, url: str) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise ManagerError(
            f"{url} answers, but not as a manager does; set MANAGER_API_URL to where"
            " `manager-agent serve` says its api is"
        )
    return found


def _refused(method: str, url: str, status: int, body: bytes) -> ManagerError:
    if status == _UNAUTHORIZED:
        return ManagerError(
            f"{url}: a token is needed that the manager knows; set MANAGER_API_TOKEN"
            " (`manager-agent tokens new --api` makes one)",
            status,
        )
    try:
        said = json.loads(body)
        detail = str(said["detail"])
        errors = tuple(str(each) for each in said.get("errors", ()))
    except (ValueError, KeyError, TypeError, AttributeError):
        detail, errors = "no reason given; is this a manager?", ()
    return ManagerError(f"{method} {url}: {status} {detail}", status, errors)


def _away(url: str, reason: object) -> ManagerError:
    remedy = "start it with `manager-agent serve`, or set MANAGER_API_URL to where it runs"
    if "CERTIFICATE_VERIFY_FAILED" in str(reason):
        remedy = "set SSL_CERT_FILE to the certificate of who signed the manager's"
    return ManagerError(f"no manager answers at {url} ({reason}); {remedy}")
