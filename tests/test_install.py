"""What people install: the built packages are whole, and the light install is light and helpful."""

import pkgutil
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

from manager_agent.instrumentation.boot import start_where_asked
from tests.harness.agents import STARTED
from tests.harness.manager import environment, manager

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("install")]

ROOT = Path(__file__).parent.parent
PACKAGES = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["hatch"]["build"][
    "targets"
]["wheel"]["packages"]
DATA = {".sql", ".toml", ".json", ".typed"}
HEAVY = {"duckdb", "polars", "pyarrow", "pydantic", "typer", "genai_prices", "starlette"}


def run(*command: str | Path, **variables: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [str(word) for word in command],
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and the source distribution."""
    folder = tmp_path_factory.mktemp("dist")
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-d", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def light(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bin` of an environment with the wheel and what an agent's machine needs, as locked."""
    place = tmp_path_factory.mktemp("light")
    venv.create(place / "venv", with_pip=True)
    lock = (ROOT / "requirements.lock").read_text("utf-8")
    pinned = re.findall(r"^([\w.-]+==[^\s;]+)", lock, re.MULTILINE)
    (place / "constraints.txt").write_text("\n".join(pinned), "utf-8")
    [wheel] = built.glob("*.whl")
    pip = [str(place / "venv/bin/python"), "-m", "pip", "install", "--quiet"]
    done = subprocess.run(
        [*pip, "--constraint", str(place / "constraints.txt"), str(wheel)],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return place / "venv/bin"


def shipped() -> set[str]:
    """Return every file of the packages, as it is called once installed."""
    return {
        path.relative_to((ROOT / package).parent).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_the_wheel_holds_every_file(built: Path) -> None:
    [wheel] = built.glob("*.whl")

    names = set(zipfile.ZipFile(wheel).namelist())

    assert shipped() <= names
    assert {Path(name).suffix for name in shipped()} >= DATA - {".typed"}
    assert sum(name.endswith("py.typed") for name in names) == len(PACKAGES)
    assert not [name for name in names if name.startswith(("tests/", "benchmarks/"))]


def test_the_wheel_starts_agents_from_site_packages(built: Path) -> None:
    [wheel] = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        line = archive.read("manager_agent_boot.pth").decode()
        entry = archive.read("manager_agent_boot.start").decode()
        points = archive.read("manager_agent-0.1.0.dist-info/entry_points.txt").decode()

    assert line.count("\n") == 1
    assert line.startswith("import os; ")  # other lines of a `.pth` would be folders
    # What Python 3.15 calls in its place: see PEP 829.
    assert pkgutil.resolve_name(entry.strip()) is start_where_asked
    assert "[opentelemetry_distro]\nmanager_agent = " in points


def test_the_source_distribution_holds_every_file(built: Path) -> None:
    [sdist] = built.glob("*.tar.gz")

    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}

    below = {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert below <= names
    assert {"README.md", "LICENSE", "pyproject.toml"} <= names
    assert {f"instrumentation/manager_agent_boot.{kind}" for kind in ("pth", "start")} <= names


def test_a_light_install_is_light(light: Path) -> None:
    listed = run(light / "python", "-m", "pip", "list", "--format=freeze").stdout
    names = {line.partition("==")[0].replace("-", "_").lower() for line in listed.splitlines()}

    assert "manager_agent" in names
    assert HEAVY.isdisjoint(names)


@pytest.mark.parametrize("command", ["serve", "demo", "sql", "--help"])
def test_a_light_install_says_how_to_install_the_server(light: Path, command: str) -> None:
    done = run(light / "manager-agent", command)

    assert done.returncode == 2
    assert 'pip install "manager-agent[server]"' in done.stderr
    assert "Traceback" not in done.stderr


def test_doctor_names_what_is_not_well_and_the_remedy(light: Path) -> None:
    nobody = "http://127.0.0.1:1"

    done = run(light / "manager-agent", "doctor", MANAGER_ENDPOINT=nobody, MANAGER_API_URL=nobody)

    assert done.returncode == 1
    assert "ok   h2: " in done.stdout
    assert "FAIL OTLP endpoint: 127.0.0.1:1" in done.stdout
    assert "start `manager-agent serve`" in done.stdout


def test_doctor_is_content_where_a_manager_runs(light: Path, tmp_path: Path) -> None:
    with manager(tmp_path / "data") as running:
        done = run(
            light / "manager-agent",
            "doctor",
            MANAGER_ENDPOINT=f"http://{running.where['otlp_grpc']}",
            MANAGER_API_URL=running.where["api"],
        )

    assert done.returncode == 0, done.stdout
    assert "FAIL" not in done.stdout


@pytest.mark.parametrize("part", ["instrumentation.doctor", "app.dispatch"])
def test_what_an_agent_loads_is_light(light: Path, part: str) -> None:
    code = f"import sys, manager_agent.{part}; print(*sys.modules)"

    done = run(light / "python", "-c", code)

    assert done.returncode == 0, done.stderr
    assert HEAVY.isdisjoint(name.partition(".")[0] for name in done.stdout.split())


@pytest.mark.parametrize(
    "words",
    [["python"], ["python", "-E"], ["python", "-I"], ["sh", "-c", 'exec "$0" "$@"', "python"]],
)
def test_a_light_install_runs_agents(light: Path, words: list[str]) -> None:
    path = f"{light}:/usr/bin:/bin"

    done = run(light / "manager-agent", "run", *words, "-c", STARTED, PATH=path)

    assert (done.stdout, done.stderr) == ("started\n", "")


def test_one_variable_instruments_a_light_install(light: Path) -> None:
    asked = run(light / "python", "-I", "-c", STARTED, MANAGER_INSTRUMENT="1")

    assert (asked.stdout, asked.stderr) == ("started\n", "")
    assert run(light / "python", "-c", STARTED).stdout == "not started\n"


def test_a_folder_on_a_volume_instruments_a_python_without_us(light: Path, tmp_path: Path) -> None:
    """As in a container: `pip install --target`, and one variable for an image that lacks us."""
    [packages] = light.parent.glob("lib/python*/site-packages")
    volume = tmp_path / "manager-agent"
    shutil.copytree(packages, volume)  # what --target makes, without asking an index again
    venv.create(tmp_path / "image", with_pip=False)

    site = volume / "manager_agent/instrumentation/site"
    code = f"{STARTED}import opentelemetry.sdk; print(opentelemetry.sdk.__path__[0])"
    done = run(tmp_path / "image/bin/python", "-c", code, PYTHONPATH=str(site))

    assert done.stderr == ""
    assert done.stdout == f"started\n{volume}/opentelemetry/sdk\n"
