"""The demonstration starts its processes clean and leaves none behind."""

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from manager_agent.app.demo.children import Children, clean_environment
from manager_agent.app.demo.ready import DemoFailed, Ready, parse_ready, wait_ready
from manager_agent.app.demo.run import INSTALL, MISSING, missing_packages, run

DEADLINE = 20.0
STUBBORN = """
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(child.pid, flush=True)
time.sleep(600)
"""


@pytest.fixture
def children(tmp_path: Path) -> Iterator[Children]:
    children = Children(tmp_path)
    yield children
    children.stop_all(patience=0)


def start(children: Children, code: str) -> None:
    children.start("it", [sys.executable, "-c", code])


def first_line(children: Children) -> str:
    deadline = time.monotonic() + DEADLINE
    while "\n" not in children.output("it"):
        assert time.monotonic() < deadline, "no line came"
        time.sleep(0.02)
    return children.output("it").partition("\n")[0]


def alive(pid: int) -> bool:
    """Return whether a process runs; one that ended and was not yet reaped does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


@pytest.mark.parametrize(
    "name",
    [
        "OPENAI_API_KEY",
        "ANTHROPIC_BASE_URL",
        "OTEL_SDK_DISABLED",
        "SLACK_WEBHOOK_URL",
        "MANAGER_TOKEN",
        "HTTPS_PROXY",
        "all_proxy",
    ],
)
def test_no_key_no_slack_no_network(name: str) -> None:
    assert name not in clean_environment({name: "x"})


def test_the_rest_of_the_environment_stays() -> None:
    assert clean_environment({"PATH": "/bin"})["PATH"] == "/bin"


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes in /proc")
def test_stop_ends_what_ignores_sigterm_and_what_it_started(children: Children) -> None:
    start(children, STUBBORN)
    grandchild = int(first_line(children))

    children.stop("it", "never-started", patience=0.1)

    assert children.exit_code("it") == -9
    deadline = time.monotonic() + DEADLINE
    while alive(grandchild):
        assert time.monotonic() < deadline, "the grandchild lives on"
        time.sleep(0.02)


def test_children_are_in_sessions_of_their_own(children: Children) -> None:
    """So that Ctrl-C in the terminal reaches the demo alone, which ends them in order."""
    start(children, "import os; print(os.getsid(0), flush=True)")

    assert int(first_line(children)) != os.getsid(0)


def test_wait_ready_reads_the_addresses(children: Children) -> None:
    line = (
        'ready {"otlp_grpc": "127.0.0.1:1", "otlp_http": "http://h:2",'
        ' "api": "http://h:3", "metrics": "http://h:4/metrics"}'
    )
    start(children, f"import time; print('''{line}''', flush=True); time.sleep(600)")

    ready = wait_ready(children, "it", DEADLINE)

    assert ready == Ready("127.0.0.1:1", "http://h:2", "http://h:3", "http://h:4/metrics")


@pytest.mark.parametrize(
    ("code", "seconds", "words"),
    [
        pytest.param("raise SystemExit('no port')", DEADLINE, "code 1:\nno port", id="it ended"),
        pytest.param("import time; time.sleep(600)", 0.1, "did not serve", id="it says nothing"),
    ],
)
def test_wait_ready_says_why_not(children: Children, code: str, seconds: float, words: str) -> None:
    start(children, code)

    with pytest.raises(DemoFailed, match=words):
        wait_ready(children, "it", seconds)


def test_another_first_line_is_named() -> None:
    with pytest.raises(ValueError, match="found 'hello'"):
        parse_ready("hello")


def test_missing_packages_are_named() -> None:
    needs = ("json", "no_such_package", "no_such_package.part")

    assert missing_packages(needs) == ["no_such_package", "no_such_package.part"]


def test_without_the_extra_the_demo_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("manager_agent.app.demo.run.missing_packages", lambda: ["openai"])

    assert run(seconds=1) == MISSING
    assert INSTALL in capsys.readouterr().err
