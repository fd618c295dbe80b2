"""A new kind of message is one file and one test, as docs/messages.md says."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.documented.pages import ROOT, blocks
from tests.harness.pictures import FAMILIES, pages

PAGE = "docs/messages.md"


def test_the_kind_shown_needs_one_file_and_one_test(tmp_path: Path) -> None:
    kind, test = (block for block in blocks("python") if block.page == PAGE)
    shutil.copytree(ROOT / "delivery", tmp_path / "delivery")
    kinds = tmp_path / "delivery/manager_agent/delivery/kinds"
    (kinds / "night_spend.py").write_text(kind.text, "utf-8")
    (tmp_path / "test_night_spend.py").write_text(test.text, "utf-8")

    said = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error", "."],
        env={**os.environ, "PYTHONPATH": str(tmp_path / "delivery"), "PYTEST_ADDOPTS": ""},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )

    assert "1 passed" in said.stdout, said.stdout


def test_every_kind_is_in_the_gallery() -> None:
    page = (ROOT / PAGE).read_text("utf-8")

    assert pages().keys() == FAMILIES.keys()
    for name in FAMILIES:
        assert f"(pictures/{name}.png)" in page
        picture = (ROOT / "docs/pictures" / f"{name}.png").read_bytes()
        assert picture.startswith(b"\x89PNG")
