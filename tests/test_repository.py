"""What is in the repository belongs there: no address of an index, no path of a machine."""

import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LOCK = (ROOT / "requirements.lock").read_text("utf-8")

INDEX = re.compile(
    rb"https?://[^\s\"']*(?:pypi|pythonhosted|npmjs|/simple\b)"
    rb"|--(?:extra-)?index-url[= ]\S|--find-links[= ]\S"
)
MACHINE = re.compile(rb"/(?:home|Users|root|work|opt/wheels)/[\w.]")
SECRET = re.compile(rb"xox[abp]-\d{5}|sk-(?:ant|proj)-\w{12}|hooks\.slack\.com/services/T\w{8}")

MADE_UP_SECRETS = ("tests/",)
MADE_UP_HOMES = ("tests/app/test_settings.py",)


@cache
def tracked() -> tuple[str, ...]:
    """Return every file that is, or would be, in the repository."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("not a clone")
    return tuple(name for name in done.stdout.splitlines() if (ROOT / name).is_file())


def holding(pattern: "re.Pattern[bytes]", *left_out: str) -> dict[str, bytes]:
    found = {name: pattern.search((ROOT / name).read_bytes()) for name in tracked()}
    return {n: hit[0] for n, hit in found.items() if hit and not n.startswith(left_out)}


def test_no_file_names_an_index() -> None:
    assert holding(INDEX) == {}


def test_no_file_names_a_place_on_a_machine() -> None:
    assert holding(MACHINE, *MADE_UP_HOMES) == {}


def test_no_file_holds_a_secret() -> None:
    assert holding(SECRET, *MADE_UP_SECRETS) == {}


def test_every_locked_package_has_hashes_and_no_address() -> None:
    entries = re.split(r"\n(?=[A-Za-z0-9])", LOCK.strip())

    assert len(entries) > 50
    for entry in entries:
        name = entry.splitlines()[0]
        assert re.match(r"[\w.-]+==\S+", name), name
        assert "--hash=sha256:" in entry, name
    assert "://" not in LOCK
    assert not [line for line in LOCK.splitlines() if line.startswith("-")]


def test_duckdb_is_locked_at_the_decided_version() -> None:
    """docs/decisions/0003-duckdb-versions.md."""
    assert "\nduckdb==1.5.6 " in LOCK
    assert "uv.lock" not in tracked()
