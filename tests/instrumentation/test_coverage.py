"""`doctor` says how agents start here, what is metered, and what is not."""

from collections.abc import Mapping

import pytest

from manager_agent.instrumentation import coverage
from manager_agent.instrumentation.check import Check
from manager_agent.instrumentation.run import SITE


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What is installed, by name; filled by the test."""
    installed: dict[str, str] = {}
    monkeypatch.setattr(coverage, "_version", lambda name: installed.get(name, ""))
    return installed


def found(env: Mapping[str, str]) -> dict[str, Check]:
    return {check.name: check for check in coverage.coverage(env)}


def test_a_library_is_metered_through_the_clients_that_are_there(there: dict[str, str]) -> None:
    there |= {"openai": "3.54.0", "httpx2": "2.1.0", "groq": "1.0"}

    checks = found({})

    assert checks["openai 3.54.0"].found == "metered, through httpx2"
    assert checks["httpx2 2.1.0"].found == "has a seam"
    assert checks["groq 1.0"].verdict == "note"
    assert checks["groq 1.0"].found == "not metered: it has none of httpx"


def test_a_client_that_is_too_old_is_a_failure(there: dict[str, str]) -> None:
    there |= {"httpx": "0.9.1", "aiohttp": "4.0.0a1"}

    checks = found({})

    old = checks["httpx 0.9.1"]
    assert (old.verdict, old.remedy) == ("FAIL", "httpx>=0.23")
    assert checks["aiohttp 4.0.0a1"].ok


def test_a_library_out_of_reach_is_named_with_the_reason(there: dict[str, str]) -> None:
    there["google-generativeai"] = "0.8.5"

    check = found({})["google-generativeai 0.8.5"]

    assert check.ok
    assert check.verdict == "note"
    assert "not metered: gRPC" in check.found


def test_what_is_never_metered_is_said_everywhere() -> None:
    never = {each.found for each in coverage.coverage({}) if each.name == "never metered"}

    words = " ".join(never)
    assert all(each in words for each in ("websocket", "urllib3", "python -S", "Node and Rust"))


@pytest.mark.parametrize(
    ("env", "verdict", "said"),
    [
        pytest.param({}, "note", "meters nothing by itself", id="not started"),
        pytest.param({"PYTHONPATH": f"x:{SITE}"}, "ok  ", "by PYTHONPATH", id="by the folder"),
        pytest.param({"MANAGER_INSTRUMENT": "1"}, "ok  ", "_boot.pth", id="by the variable"),
        pytest.param(
            {"PYTHONPATH": str(SITE), "MANAGER_DISABLED": "1"},
            "note",
            "MANAGER_DISABLED is set: nothing is metered",
            id="switched off",
        ),
    ],
)
def test_how_it_starts_here(env: Mapping[str, str], verdict: str, said: str) -> None:
    check = found(env)["start"]

    assert check.verdict == verdict
    assert said in check.found


def test_entries_that_cannot_be_read_are_failures() -> None:
    env = {"MANAGER_LLM_HOSTS": "gw=openai, gw:x=openai, gw=grok"}

    wrong = [each for each in coverage.coverage(env) if each.name == "MANAGER_LLM_HOSTS"]

    assert [each.verdict for each in wrong] == ["FAIL", "FAIL"]
    assert wrong[0].found.startswith("'gw:x=openai': 'x' is not a port")
