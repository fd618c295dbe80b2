"""What was metered leaves before the process does, however the process ends or multiplies.

The provider is stood in for by one that writes down when it is asked: `flushed PID`.
"""

import signal
import subprocess
from pathlib import Path

import pytest

from tests.harness.agents import BIN, agent_environment, run_agent

PROVIDER = """\
import os, sys, time
from manager_agent.instrumentation import leaving
leaving.at_sigterm()
def note(what):
    with open(os.environ["NOTES"], "a") as notes:
        notes.write(f"{what} {os.getpid()}\\n")
def flush(seconds):
    if not seconds:
        return  # merely to begin with it
    if os.environ.get("HANGS"):
        time.sleep(seconds + 60)
    time.sleep(float(os.environ.get("SLOW", "0")))
    note("flushed")
def after_fork():
    note("forked")
"""
AGENT = """\
import multiprocessing, os, signal, sys, time
def meter():
    import manager_agent.instrumentation.provider
def job(_=None):
    meter()
    with open(os.environ["NOTES"], "a") as notes:
        notes.write(f"called {os.getpid()}\\n")
if __name__ == "__main__":
"""


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    """The file that is written to; beside it a provider that is found before the real one."""
    folder = tmp_path / "path"
    folder.mkdir()
    (folder / "stand_in.py").write_text(PROVIDER)
    (folder / "sitecustomize.py").write_text(
        "import sys\n"
        "import manager_agent.instrumentation as package\n"
        "class Finder:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'manager_agent.instrumentation.provider':\n"
        "            from importlib.util import spec_from_file_location\n"
        f"            return spec_from_file_location(name, {str(folder / 'stand_in.py')!r})\n"
        "sys.meta_path.append(Finder())\n"
        "sys.meta_path.insert(1, sys.meta_path.pop())  # before the path's own, after the hook\n"
    )
    (tmp_path / "notes").touch()
    return tmp_path / "notes"


def agent(notes: Path, body: str) -> Path:
    path = notes.parent / "agent.py"
    path.write_text(AGENT + "".join(f"    {line}\n" for line in body.splitlines()))
    return path


def variables(notes: Path, **more: str) -> dict[str, str]:
    return {"NOTES": str(notes), "PYTHONPATH": str(notes.parent / "path"), **more}


def told(notes: Path, what: str) -> set[str]:
    """Return the processes that wrote down `what`."""
    lines = (line.split() for line in notes.read_text().splitlines())
    return {pid for kind, pid in lines if kind == what}


ENDINGS = {
    "by itself": ("job()", 0),
    "by exit": ("job(); sys.exit(3)", 3),
    "by an error": ("job(); raise SystemError", 1),
    "by SIGTERM": ("job(); os.kill(os.getpid(), signal.SIGTERM); time.sleep(30)", -15),
    "by SIGTERM in another thread": (
        "import threading\n"
        "job()\n"
        "threading.Thread(target=time.sleep, args=(1,), daemon=True).start()\n"
        "os.kill(os.getpid(), signal.SIGTERM); time.sleep(30)",
        -15,
    ),
    "by SIGTERM twice": (
        "job(); os.kill(os.getpid(), 15); os.kill(os.getpid(), 15); time.sleep(30)",
        -15,
    ),
    "os.fork": ("job()\npid = os.fork()\njob()\nif pid: os.waitpid(pid, 0)", 0),
    "os.fork before the first": ("pid = os.fork()\njob()\nif pid: os.waitpid(pid, 0)", 0),
    "executor": (
        "from concurrent.futures import ProcessPoolExecutor\n"
        "with ProcessPoolExecutor(2) as pool: list(pool.map(job, range(4)))",
        0,
    ),
    "pool, closed": (
        "pool = multiprocessing.Pool(2); pool.map(job, range(4)); pool.close(); pool.join()",
        0,
    ),
    "pool, terminated": (
        "with multiprocessing.get_context('fork').Pool(2) as pool: pool.map(job, range(4))",
        0,
    ),
}
for method in ("fork", "forkserver", "spawn"):
    ENDINGS[f"multiprocessing {method}"] = (
        f"context = multiprocessing.get_context({method!r})\n"
        "all = [context.Process(target=job) for _ in range(2)]\n"
        "for each in all: each.start()\n"
        "for each in all: each.join()",
        0,
    )


@pytest.mark.parametrize("ending", ENDINGS)
def test_each_process_that_called_flushes(notes: Path, ending: str) -> None:
    body, code = ENDINGS[ending]

    done = run_agent("python", agent(notes, body), cwd=None, **variables(notes))

    assert done.returncode == code, done.stderr
    called = told(notes, "called")
    assert called
    assert called <= told(notes, "flushed")


def test_sigterm_in_the_midst_of_our_code_is_heeded_right_after_it(notes: Path) -> None:
    """What is interrupted there may hold a lock that the flush needs."""
    body = (
        "from manager_agent.instrumentation import reentry\n"
        "job()\n"
        "with reentry.inside():\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "    with open(os.environ['NOTES'], 'a') as notes: notes.write(f'over {os.getpid()}\\n')\n"
        "time.sleep(30)"
    )

    done = run_agent("python", agent(notes, body), cwd=None, **variables(notes))

    assert done.returncode == -signal.SIGTERM, done.stderr
    assert [line.split()[0] for line in notes.read_text().splitlines()] == [
        *("called", "over", "flushed"),
    ]


def test_a_child_is_told_that_it_is_one(notes: Path) -> None:
    body = "job()\npid = os.fork()\njob()\nif pid: os.waitpid(pid, 0)"

    run_agent("python", agent(notes, body), cwd=None, **variables(notes))

    assert len(told(notes, "called")) == 2
    assert len(told(notes, "forked")) == 1


def test_a_flush_that_hangs_holds_nobody_up_for_long(notes: Path) -> None:
    path = agent(notes, "job()\nprint('ready', flush=True)\ntime.sleep(60)")
    with subprocess.Popen(
        [BIN / "manager-agent", "run", "python", path],
        env=agent_environment(**variables(notes, HANGS="1")),
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.terminate()

        assert process.wait(30) == -signal.SIGTERM


@pytest.mark.parametrize(
    ("said", "is_told"),
    [
        pytest.param("60", True, id="more time"),
        pytest.param("", False, id="the default"),
        pytest.param("soon", False, id="nonsense"),
        pytest.param("-1", False, id="no time"),
        pytest.param("nan", False, id="no number"),
    ],
)
def test_how_long_it_may_be_held_back_is_said(notes: Path, said: str, is_told: bool) -> None:
    body = "job(); os.kill(os.getpid(), signal.SIGTERM); time.sleep(60)"
    more = {"SLOW": "4" if is_told else "90", "MANAGER_EXIT_SECONDS": said}

    done = run_agent("python", agent(notes, body), cwd=None, **variables(notes, **more))

    assert done.returncode == -signal.SIGTERM
    assert bool(told(notes, "flushed")) == is_told


def test_the_agents_own_handler_stays(notes: Path) -> None:
    body = (
        "def mine(number, frame): print('mine', flush=True); sys.exit(4)\n"
        "signal.signal(signal.SIGTERM, mine)\n"
        "job()\n"
        "assert signal.getsignal(signal.SIGTERM) is mine\n"
        "os.kill(os.getpid(), signal.SIGTERM)\n"
        "time.sleep(30)"
    )

    done = run_agent("python", agent(notes, body), cwd=None, **variables(notes))

    assert (done.returncode, done.stdout) == (4, "mine\n")
    assert told(notes, "flushed") == told(notes, "called")


def test_a_handler_that_calls_the_one_before_it_decides(notes: Path) -> None:
    body = (
        "job()\n"
        "before = signal.getsignal(signal.SIGTERM)\n"
        "def mine(number, frame):\n"
        "    before(number, frame)\n"
        "    print('orderly', flush=True)\n"
        "    sys.exit(4)\n"
        "signal.signal(signal.SIGTERM, mine)\n"
        "os.kill(os.getpid(), signal.SIGTERM)\n"
        "time.sleep(30)"
    )

    done = run_agent("python", agent(notes, body), cwd=None, **variables(notes))

    assert (done.returncode, done.stdout) == (4, "orderly\n")


def test_a_process_that_calls_nobody_keeps_its_signals() -> None:
    clients = "multiprocessing, httpx, requests"
    code = f"import signal, {clients}; print(signal.getsignal(signal.SIGTERM).name)"

    assert run_agent("python", "-c", code).stdout == "SIG_DFL\n"


def test_a_library_first_imported_in_a_thread_does_no_harm(notes: Path) -> None:
    body = "import threading\nt = threading.Thread(target=job)\nt.start(); t.join()"

    done = run_agent("python", agent(notes, body), cwd=None, **variables(notes))

    assert (done.returncode, done.stderr) == (0, "")
    assert told(notes, "flushed") == told(notes, "called")


def test_asyncios_own_handler_stays(notes: Path) -> None:
    """It ends the loop in order, and the exit that follows flushes."""
    body = (
        "import asyncio\n"
        "async def main():\n"
        "    stop = asyncio.Event()\n"
        "    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)\n"
        "    job()\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "    await stop.wait()\n"
        "    print('orderly', flush=True)\n"
        "asyncio.run(main())"
    )

    done = run_agent("python", agent(notes, body), cwd=None, **variables(notes))

    assert (done.returncode, done.stdout) == (0, "orderly\n")
    assert told(notes, "flushed") == told(notes, "called")
