"""DuckDB's own command line, Polars and Jupyter read the snapshot while the manager ingests.

The tools come from the package index, into a folder of the test.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.load import Load
from tests.harness.manager import Manager, manager, until

pytestmark = pytest.mark.slow

TOOLS = ["duckdb-cli<=1.5.6", "ipykernel", "nbclient"]
COUNT = "SELECT count(*) AS n, count(DISTINCT call_id) AS ids FROM llm_calls"

POLARS = """
import duckdb, polars, sys
con = duckdb.connect(sys.argv[1], read_only=True)
frame = con.sql(sys.argv[2]).pl()
again = polars.read_database(sys.argv[2], con)
assert frame.equals(again)
print(frame.item(0, "n"), frame.item(0, "ids"))
"""
JUPYTER = """
import sys
import nbformat
from nbclient import NotebookClient
cell = nbformat.v4.new_code_cell(
    "import duckdb\\n"
    f"con = duckdb.connect({sys.argv[1]!r}, read_only=True)\\n"
    f"print(*con.sql({sys.argv[2]!r}).fetchall()[0])\\n"
)
book = nbformat.v4.new_notebook(cells=[cell])
NotebookClient(book, timeout=120, kernel_name="python3").execute()
print(book.cells[0].outputs[0]["text"].strip())
"""


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the tools, beside the packages of this environment."""
    folder = tmp_path_factory.mktemp("tools")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(folder), *TOOLS]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(TOOLS)} cannot be installed: {done.stderr}"
    return folder


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Manager]:
    """A manager that publishes every second, and sees calls all the time."""
    config = {"storage": {"snapshot_seconds": 1}, "receiver": {"merge_window_seconds": 2}}
    with (
        manager(tmp_path_factory.mktemp("served") / "data", config) as found,
        Load(found.where, emitters=1, seed=8),
    ):
        yield found


def ask(tools: Path, command: list[str], cwd: Path) -> str:
    env = {
        **os.environ,
        "PYTHONPATH": str(tools),
        "JUPYTER_PATH": str(tools / "share" / "jupyter"),
        "PATH": f"{tools / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "IPYTHONDIR": str(cwd),
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }
    done = subprocess.run(command, env=env, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("tool", ["cli", "polars", "jupyter"])
def test_a_tool_reads_what_is_there(
    tool: str, tools: Path, running: Manager, tmp_path: Path
) -> None:
    """From a directory of its own: at least what was there before, each call once."""
    until("calls", lambda: running.calls_of("agent-1"))
    (before,) = running.column("SELECT count(*) FROM llm_calls")
    path = str(running.data_dir / "snapshot" / "snapshot.duckdb")

    if tool == "cli":
        binary = str(tools / "bin" / "duckdb")
        (row,) = json.loads(ask(tools, [binary, "-readonly", "-json", path, COUNT], tmp_path))
        calls, ids = row["n"], row["ids"]
    else:
        code = POLARS if tool == "polars" else JUPYTER
        said = ask(tools, [sys.executable, "-c", code, path, COUNT], tmp_path)
        calls, ids = map(int, said.split())

    assert calls >= before > 0
    assert calls == ids
    assert running.calls_of("agent-1") > 0  # it goes on
