"""What `doctor` says of whom the manager reaches."""

import pytest

from manager_agent.app import cli_doctor
from manager_agent.app.rest import NobodyError

Row = dict[str, str | None]


def said(monkeypatch: pytest.MonkeyPatch, *rows: Row) -> list[tuple[bool, str]]:
    monkeypatch.setattr(cli_doctor, "get", lambda url, path: {"delivery": list(rows)})
    return [(one.ok, f"{one.found} | {one.remedy}") for one in cli_doctor.deliveries("http://m")]


def test_a_revoked_token_is_named_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    stopped: Row = {
        "notifier": "slack:#ops",
        "state": "stopped",
        "reason": "token_revoked: renew",
    }
    well: Row = {"notifier": "console", "state": "ok", "reason": None}

    first, second = said(monkeypatch, stopped, well)

    assert first[0] is False
    assert first[1].startswith("slack:#ops: stopped, token_revoked: renew | mend that")
    assert "alerts test" in first[1]
    assert second == (True, "console: ok | ")


def test_what_is_tried_again_needs_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    late: Row = {"notifier": "slack:#ops", "state": "retrying", "reason": "HTTP 503"}

    ((ok, text),) = said(monkeypatch, late)

    assert not ok
    assert "by itself" in text


def test_nothing_is_said_of_a_manager_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(url: str, path: str) -> None:
        raise NobodyError("no manager at http://m")

    monkeypatch.setattr(cli_doctor, "get", nobody)

    assert cli_doctor.deliveries("http://m") == []
