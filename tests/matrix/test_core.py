"""Unchanged agents on the SDKs that matter most: what they saw, what was served, what we counted.

Each runs in an environment of its own under `manager-agent run`, against a real manager. All SDKs:
`make matrix`.
"""

from pathlib import Path

import pytest

from tests.matrix.compare import differences
from tests.matrix.environments import CORE, made
from tests.matrix.matrix import run
from tests.matrix.table import lines

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("install")]


def test_the_three_accounts_agree(tmp_path: Path) -> None:
    """Every call is counted once, exactly, and a refused one is not sent and is understood."""
    made(CORE)

    cells = run(CORE, tmp_path)

    print(*lines(cells), sep="\n")  # what to look at where it fails
    assert {cell.environment for cell in cells} == {each.name for each in CORE}
    assert [cell for cell in cells if differences(cell)] == []
