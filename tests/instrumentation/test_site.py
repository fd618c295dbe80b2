"""The `sitecustomize` that starts us: what it hides runs as ever, and no Python breaks on it."""

import os
import shutil
import sys
from pathlib import Path

import pytest

from manager_agent.instrumentation.run import SITE
from tests.harness.agents import STARTED, run

OTHERS = sorted(
    path
    for path in Path.home().glob(".pyenv/versions/*/bin/python")
    if path.exists() and path.parent != Path(sys.executable).parent
)


def python(code: str, *before: str | Path) -> tuple[str, str]:
    """Run code with our folder first on the path, then `before`; return what it said."""
    path = os.pathsep.join(map(str, (SITE, *before)))
    done = run("python", "-c", code, PYTHONPATH=path)
    return done.stdout, done.stderr


def test_the_one_it_hides_runs_and_is_the_one_that_is_there(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import sys, os\n"
        "HERE = __file__\n"
        "assert sys.modules[__name__].HERE == __file__\n"
        "assert __spec__.name == __name__ == 'sitecustomize'\n"
        "sys.path.append('/added')\n"
    )
    code = f"{STARTED}import sitecustomize; print(sitecustomize.HERE, sys.path[-1])"

    assert python(code, tmp_path) == (
        f"started\n{tmp_path}/sitecustomize.py /added\n",
        "",
    )


def test_a_failure_of_the_one_it_hides_looks_as_ever(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("raise ValueError('theirs')\n")
    code = f"{STARTED}print('sitecustomize' in sys.modules)"

    hidden = python(code, tmp_path)

    alone = run("python", "-c", code, PYTHONPATH=str(tmp_path))
    assert hidden == ("started\nFalse\n", alone.stderr)
    assert alone.stdout == "not started\nFalse\n"
    assert "ValueError: theirs" in alone.stderr


def test_ours_twice_on_the_path_starts_once_and_goes_on(tmp_path: Path) -> None:
    copied = tmp_path / "manager_agent/instrumentation/site"
    shutil.copytree(SITE, copied)
    (tmp_path / "sitecustomize.py").write_text("print('theirs')\n")

    assert python(STARTED, copied, tmp_path) == ("theirs\nstarted\n", "")


def test_a_zip_file_may_hold_the_one_it_hides(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/sitecustomize.py").write_text("print('packed')\n")
    packed = shutil.make_archive(str(tmp_path / "packed"), "zip", tmp_path / "in")

    assert python(STARTED, packed) == ("packed\nstarted\n", "")


def test_a_broken_install_of_ours_stops_nothing(tmp_path: Path) -> None:
    broken = tmp_path / "manager_agent/instrumentation"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text("raise OSError('no disk')\n")
    (tmp_path / "sitecustomize.py").write_text("print('theirs')\n")

    assert python(STARTED, tmp_path) == ("theirs\nnot started\n", "")


def test_a_folder_of_pip_target_is_enough_and_comes_last(tmp_path: Path) -> None:
    """As containers have it: one folder on a volume, other Pythons with nothing of ours."""
    shared = tmp_path / "shared"
    here = SITE.parent
    shutil.copytree(here, shared / "manager_agent/instrumentation")
    (shared / "manager_agent-0.1.0.dist-info").mkdir()
    site = shared / "manager_agent/instrumentation/site"
    code = f"{STARTED}print(sys.path[-1])"

    done = run("python", "-c", code, PYTHONPATH=str(site))
    isolated = run(sys._base_executable, "-c", code, PYTHONPATH=str(site))  # type: ignore[attr-defined]

    assert done.stdout.startswith("started\n")
    assert str(shared) != done.stdout.splitlines()[1] or str(here) not in done.stdout
    assert isolated.stdout == f"started\n{shared}\n", isolated.stderr


@pytest.mark.parametrize("other", OTHERS, ids=lambda path: path.parent.parent.name)
def test_pythons_without_us_are_left_alone(other: Path, tmp_path: Path) -> None:
    """Older ones included: the path is inherited by whatever an agent starts."""
    if "2.7" not in str(other):
        (tmp_path / "sitecustomize.py").write_text("print('theirs')\n")
    path = os.pathsep.join(map(str, (SITE, tmp_path)))

    # Python 2 writes what it compiled beside the source, into this repository.
    done = run(other, "-c", "print('works')", PYTHONPATH=path, PYTHONDONTWRITEBYTECODE="1")

    theirs = "" if "2.7" in str(other) else "theirs\n"
    assert (done.stdout, done.stderr) == (f"{theirs}works\n", "")
