"""`manager-agent run CMD...` becomes the command, instrumented."""

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from manager_agent.instrumentation.run import SITE, Given, RunError, instrumented, parsed
from tests.harness.agents import BIN, STARTED, agent_environment, run, run_agent

SHOW = f"{STARTED}import os; print(sys.argv, os.environ['MANAGER_AGENT_ID'])"


def script(path: Path, text: str, mode: int = 0o755) -> Path:
    path.write_text(text, "utf-8")
    path.chmod(mode)
    return path


def test_options_come_before_the_command() -> None:
    words = ["--agent", "research", "--endpoint=http://h:1", "python", "--agent", "x"]

    variables = {"MANAGER_AGENT_ID": "research", "MANAGER_ENDPOINT": "http://h:1"}
    assert parsed(words) == Given(variables, ["python", "--agent", "x"])
    assert parsed(["--", "--odd-name"]) == Given({}, ["--odd-name"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        pytest.param([], "no command; write: manager-agent run python my_agent.py", id="nothing"),
        pytest.param(["--agent", "a"], "no command", id="options alone"),
        pytest.param(["--agent"], "--agent needs a value", id="no value"),
        pytest.param(["--agent=", "x"], "--agent needs a value", id="empty value"),
        pytest.param(["--agnet", "a", "x"], "--agnet is no option of it (--agent,", id="misspelt"),
    ],
)
def test_what_is_wrong_with_the_command_line_is_said(words: list[str], said: str) -> None:
    with pytest.raises(RunError) as raised:
        parsed(words)

    assert said in str(raised.value)
    assert raised.value.code == 2


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(None, [SITE], id="unset"),
        pytest.param("", [SITE], id="empty"),
        pytest.param(f"a{os.pathsep}b", [SITE, "a", "b"], id="others follow"),
        pytest.param(f"a{os.pathsep}{SITE}", [SITE, "a"], id="run within run"),
    ],
)
def test_the_path_holds_our_folder_first_and_once(
    before: str | None, after: list[str | Path]
) -> None:
    env = {} if before is None else {"PYTHONPATH": before}

    instrumented(env)

    assert env["PYTHONPATH"].split(os.pathsep) == [str(part) for part in after]


def test_a_script_a_module_and_code(tmp_path: Path) -> None:
    script(tmp_path / "my_agent.py", SHOW)
    commands = [["my_agent.py", "--agent", "b"], ["-m", "my_agent", "b"], ["-c", SHOW, "b"]]

    for command in commands:
        done = run_agent("--agent", "a1", "python", *command, cwd=tmp_path)

        first, second = done.stdout.splitlines()
        assert first == "started", done.stderr
        assert second.endswith("'b'] a1")
        assert done.stderr == ""


def test_a_script_with_a_first_line_and_a_console_script(tmp_path: Path) -> None:
    own = script(tmp_path / "own", f"#!{sys.executable}\n{STARTED}")

    assert run_agent("./own", cwd=tmp_path).stdout == "started\n"
    assert run_agent(own).stdout == "started\n"
    assert "usage: pytest" in run_agent("pytest", "--help").stdout


def test_what_a_shell_starts_is_instrumented_too(tmp_path: Path) -> None:
    done = run_agent("sh", "-c", 'python -c "$0" && exec python -c "$0"', STARTED)

    assert done.stdout == "started\nstarted\n"


@pytest.mark.parametrize("flag", ["-E", "-I", "-Ec"])
def test_a_python_that_ignores_the_path_is_reached_by_site_packages(flag: str) -> None:
    words = (flag, STARTED) if flag.endswith("c") else (flag, "-c", STARTED)
    done = run_agent("python", *words)

    assert (done.stdout, done.stderr) == ("started\n", "")


def test_a_python_without_start_up_code_is_warned_of() -> None:
    done = run_agent("python", "-S", "-c", STARTED)

    assert done.stdout == "not started\n"
    assert done.stderr == (
        "manager-agent run: python -S runs no start-up code: nothing is metered; leave -S out\n"
    )


def test_a_python_that_lacks_us_is_warned_of_and_works(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "other"], check=True)
    python = tmp_path / "other/bin/python"
    shown = script(tmp_path / "own", f"#!/usr/bin/env python\n{STARTED}")

    for words in ([python, "-c", STARTED], [shown]):
        path = f"{python.parent}{os.pathsep}{os.environ['PATH']}"
        done = run_agent(*words, PATH=path)

        assert done.stdout == "not started\n"
        assert "/python has no manager-agent: nothing is metered; install it" in done.stderr
        assert done.stderr.count("\n") == 1


def test_exit_code_signal_and_process_are_the_commands_own() -> None:
    assert run_agent("sh", "-c", "exit 7").returncode == 7
    assert run_agent("python", "-c", "import os; os.abort()").returncode == -signal.SIGABRT
    code = "import os; print(os.getpid(), flush=True)"
    with subprocess.Popen(
        [BIN / "manager-agent", "run", "python", "-c", code],
        env=agent_environment(),
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        out, _ = process.communicate(timeout=60)

    assert int(out) == process.pid


def test_the_command_has_the_signals_it_would_have_had() -> None:
    done = run_agent("sh", "-c", "grep SigIgn /proc/self/status; exit 0")

    if "SigIgn" not in done.stdout:
        pytest.skip("this machine does not tell a process's signals")
    ignored = int(done.stdout.split()[1], 16)
    assert not ignored & (1 << (signal.SIGPIPE - 1))


@pytest.mark.parametrize(
    ("name", "mode", "text", "code", "said"),
    [
        pytest.param("gone", None, "", 127, "command not found: ", id="not there"),
        pytest.param("plain", 0o644, "", 126, "is not executable; try: chmod +x", id="no mode"),
        pytest.param("agent.py", 0o644, "", 126, "executable; try: python", id="python file"),
        pytest.param("lost", 0o755, "#!/no/such/python\n", 126, "first line (#!)", id="#! lost"),
        pytest.param("none", 0o755, "print()", 126, "Exec format error", id="no first line"),
    ],
)
def test_what_cannot_be_run_is_said(
    tmp_path: Path, name: str, mode: int | None, text: str, code: int, said: str
) -> None:
    if mode is not None:
        script(tmp_path / name, text, mode)

    done = run_agent(tmp_path / name)

    assert done.returncode == code
    assert said in done.stderr
    assert str(tmp_path / name) in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_command_that_is_nowhere_on_the_path() -> None:
    done = run_agent("no-such-command")

    assert done.returncode == 127
    assert done.stderr == "manager-agent run: command not found on PATH: no-such-command\n"


def test_the_printed_path_alone_does_the_same() -> None:
    folder = run_agent("--print-path").stdout.rstrip("\n")

    assert run("python", "-c", STARTED, PYTHONPATH=folder).stdout == "started\n"
    assert run("python", "-c", STARTED).stdout == "not started\n"


def test_one_variable_alone_does_the_same() -> None:
    assert run("python", "-c", STARTED, MANAGER_INSTRUMENT="1").stdout == "started\n"
    assert run("python", "-c", STARTED, MANAGER_INSTRUMENT="0").stdout == "not started\n"


def test_help_is_there_in_both_places() -> None:
    assert "usage: manager-agent run [--agent NAME]" in run_agent("--help").stdout
    assert "\n  run " in run(BIN / "manager-agent", "--help").stdout


def test_it_can_be_switched_off() -> None:
    assert run_agent("python", "-c", STARTED, MANAGER_DISABLED="1").stdout == "not started\n"
    assert run_agent("python", "-c", STARTED, MANAGER_DISABLED="false").stdout == "started\n"


def test_nothing_about_it_is_writable_by_others() -> None:
    assert not (SITE / "sitecustomize.py").stat().st_mode & stat.S_IWOTH
