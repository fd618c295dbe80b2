"""The layout keeps its promises: one law of imports, small files, a light agent, pure rules."""

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FOLDERS = sorted(path.parent.name for path in ROOT.glob("*/manager_agent"))

# Who may import whom. Data flows down this list; imports point up it. Only `app` knows everyone.
MAY_IMPORT = {
    "contract": set[str](),
    "prices": {"contract"},
    "instrumentation": {"contract"},
    "receiver": {"contract", "prices"},
    "analytics": {"contract", "prices"},
    "rules": {"contract", "prices", "analytics"},
    "control": {"contract", "prices", "rules"},
    "store": {"contract", "receiver", "analytics", "rules", "control"},
    "delivery": {"contract", "rules"},
    "api": {"contract", "analytics", "rules", "control", "store"},
}
MAY_IMPORT["app"] = set(MAY_IMPORT)

# What only some parts may load of other people's code.
THIRD_PARTY = {
    "duckdb": {"analytics", "store", "api", "app"},
    "polars": {"analytics", "rules", "app"},
    "pyarrow": {"store", "api", "app"},
    "grpc": {"receiver", "control", "app"},
    "h2": {"instrumentation"},
    "slack_sdk": {"delivery"},
    "starlette": {"api", "receiver", "app"},
    "uvicorn": {"app"},
    "typer": {"app"},
    "rich": {"app"},
    "genai_prices": {"prices"},
    "sqlite3": {"store"},
}

LONGEST_FILE, LONGEST_FUNCTION = 400, 60
SOURCES = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))


@cache
def imported(path: Path) -> tuple[str, ...]:
    """Return the dotted names that a file imports, wherever in it."""
    return tuple(_imports(path))


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def parts_imported_by(path: Path) -> set[str]:
    names = (name.split(".") for name in imported(path))
    return {name[1] for name in names if name[0] == "manager_agent" and len(name) > 1}


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_pyproject_names_every_folder() -> None:
    tool = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]

    wheel = tool["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert sorted(wheel) == [f"{folder}/manager_agent" for folder in FOLDERS]
    assert sorted(tool["hatch"]["build"]["dev-mode-dirs"]) == FOLDERS
    assert sorted(tool["mypy"]["mypy_path"]) == FOLDERS
    assert sorted(MAY_IMPORT) == FOLDERS


@pytest.mark.parametrize("folder", FOLDERS)
def test_folder_holds_one_typed_package(folder: str) -> None:
    inside = ROOT / folder / "manager_agent"

    assert [path.name for path in inside.iterdir() if path.name != "__pycache__"] == [folder]
    assert (inside / folder / "py.typed").exists()


@pytest.mark.parametrize("folder", FOLDERS)
def test_imports_point_up(folder: str) -> None:
    allowed = MAY_IMPORT[folder] | {folder}

    for path in (ROOT / folder).rglob("*.py"):
        assert parts_imported_by(path) <= allowed, relative(path)


@pytest.mark.parametrize("library", sorted(THIRD_PARTY))
def test_a_library_stays_where_it_belongs(library: str) -> None:
    users = {
        relative(path).split("/")[0]
        for path in SOURCES
        if any(name == library or name.startswith(f"{library}.") for name in imported(path))
    }

    assert users <= THIRD_PARTY[library]


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_files_and_functions_stay_small(path: Path) -> None:
    text = path.read_text("utf-8")
    too_long = [
        f"{node.name}: {(node.end_lineno or 0) - node.lineno + 1} lines"
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno + 1 > LONGEST_FUNCTION
    ]

    assert text.count("\n") <= LONGEST_FILE
    assert not too_long


SQL_WORDS = ("SELECT ", "INSERT INTO ", "DELETE FROM ", "CREATE TABLE ", "CREATE VIEW ", "UPDATE ")


# Messages to people show them a query to run.
WITHOUT_SQL = [path for path in SOURCES if path.name != "wording.py"]


@pytest.mark.parametrize("path", WITHOUT_SQL, ids=relative)
def test_sql_lives_in_sql_files(path: Path) -> None:
    tree = ast.parse(path.read_text("utf-8"))
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    texts = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        if id(node) not in docstrings
    ]

    assert not [text for text in texts if text.lstrip().startswith(SQL_WORDS)]


@pytest.mark.parametrize(
    ("module", "unwanted"),
    [
        pytest.param(
            "instrumentation.doctor",
            {"duckdb", "polars", "typer", "genai_prices", "pyarrow", "grpc", "h2"},
            id="agents stay light",
        ),
        pytest.param(
            "instrumentation",
            {"opentelemetry", "urllib.request", "typing", "dataclasses", "logging"},
            id="naming the package loads nothing",
        ),
        pytest.param(
            "instrumentation.track",
            {"duckdb", "polars", "typer", "genai_prices", "pyarrow", "pydantic", "h2", "httpx"},
            id="tracking by hand is light",
        ),
        pytest.param("app.dispatch", {"duckdb", "polars", "typer", "grpc"}, id="dispatch is light"),
        pytest.param("rules.registry", {"duckdb", "grpc"}, id="rules stay pure"),
        pytest.param("rules.step", {"duckdb", "grpc"}, id="the step stays pure"),
        pytest.param("receiver.intake", {"duckdb", "pyarrow", "polars"}, id="no store here"),
    ],
)
def test_nothing_heavy_is_loaded(module: str, unwanted: set[str]) -> None:
    code = f"import sys, manager_agent.{module}; print(*sys.modules)"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert unwanted.isdisjoint(done.stdout.split())
