"""The start is cheap, does what it must when a client or library comes, and gets in no way."""

from pathlib import Path

from tests.harness.agents import run_agent

BUILT_IN = """\
import sys
print(*sorted(name for name in sys.modules if getattr(sys.modules[name], "__file__", None)))
"""


def loaded(*flags: str, **variables: str) -> set[str]:
    done = run_agent("python", *flags, "-c", BUILT_IN, cwd=None, **variables)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_a_start_loads_next_to_nothing() -> None:
    ours = {"", ".boot", ".import_hook", ".leaving", ".official"}

    more = loaded() - loaded("-S")

    assert {name for name in more if name.startswith("manager_agent.")} == {
        f"manager_agent.instrumentation{name}" for name in ours
    }
    assert more.isdisjoint({"logging", "threading", "typing", "enum", "re", "ssl", "signal"})


SEAMS = {
    "httpx": ("Client.send", "AsyncClient.send"),
    "httpx2": ("Client.send", "AsyncClient.send"),
    "requests": ("Session.send",),
    "aiohttp": ("ClientSession._request",),
    "botocore.httpsession": ("URLLib3Session.send",),
}
SHOWN = """\
for client, names in SEAMS.items():
    try:
        module = importlib.import_module(client)
    except ImportError:
        continue
    for name in names:
        method = operator.attrgetter(name)(module)
        print(client, method.__qualname__, method.__module__, hasattr(method, "__wrapped__"))
"""


def test_a_client_gets_its_seam_when_it_is_imported() -> None:
    code = f"import importlib, operator\nSEAMS = {SEAMS!r}\n{SHOWN}"

    plain, ours = (
        run_agent("python", "-c", code, MANAGER_DISABLED=off).stdout for off in ("1", "0")
    )

    assert plain.count(" False\n") == plain.count("\n") >= 4
    assert ours == plain.replace(" False\n", " True\n")  # and it looks like what it wraps


def test_an_llm_library_brings_all_that_sending_needs() -> None:
    code = "import sys, openai; print({'h2.connection', 'opentelemetry.sdk'} <= set(sys.modules))"
    threads = "; import threading; print(threading.active_count())"

    assert run_agent("python", "-c", code + threads).stdout == "True\n1\n"


def test_a_seam_that_fails_is_told_once_and_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "requests.py").write_text("OLD = 'has no Session'\n")
    code = "import requests, importlib; importlib.reload(requests); print(requests.OLD)"

    done = run_agent("python", "-c", code, PYTHONPATH=str(tmp_path))

    assert done.stdout == "has no Session\n"
    assert done.stderr.count("watching requests failed, the agent goes on (told once)") == 1
    assert done.stderr.count("Traceback") == 1


def test_a_module_that_must_not_be_imported_is_not() -> None:
    code = (
        "import sys; sys.modules['httpx'] = None\n"
        "try: import httpx\n"
        "except ImportError: print('no')"
    )

    assert run_agent("python", "-c", code).stdout == "no\n"
