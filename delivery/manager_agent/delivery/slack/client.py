"""Slack's official clients as we use them: one try, nothing logged, no secret in a reason."""

import logging
import urllib.error

from slack_sdk.web import WebClient

SLACK_API = "https://slack.com/api/"


def base_url(api_url: str | None) -> str:
    """Return the address of the Web API, Slack's own where none is given."""
    return (api_url or SLACK_API).rstrip("/") + "/"


def client(token: str | None, base: str, timeout_seconds: int) -> WebClient:
    """Return a client that tries once and logs nothing."""
    made = WebClient(
        token, base_url=base, timeout=timeout_seconds, retry_handlers=[], logger=silent()
    )
    made.proxy = None  # urllib reads the same variables, and NO_PROXY with them
    return made


def reason_of(error: BaseException, host: str) -> str:
    """Say why there was no answer, in words that hold no URL: it may be in the error's text."""
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(cause, TimeoutError):
        return f"{host} did not answer in time"
    detail = cause.strerror if isinstance(cause, OSError) and cause.strerror else ""
    return f"no answer from {host}: {detail or type(cause).__name__}"


def silent() -> logging.Logger:
    """Return a logger that writes nothing: the clients log URLs, tokens' neighbours, messages."""
    return logging.Logger("slack", level=logging.CRITICAL + 1)
