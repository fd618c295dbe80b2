"""Runs the matrix and prints it; exit code 1 where any account differs.

python -m tests.matrix                     all SDKs; the first time some minutes of installing
python -m tests.matrix --core              the four that the tests run
python -m tests.matrix openai-1 litellm    these
python -m tests.matrix --json F --markdown F   as files, too
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

from tests.matrix.compare import differences
from tests.matrix.environments import ALL, CORE, made
from tests.matrix.matrix import run
from tests.matrix.table import as_json, lines, markdown


def main() -> int:
    """Return 0, or 1 where any account differs."""
    parser = argparse.ArgumentParser(prog="python -m tests.matrix", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[[], *(each.name for each in ALL)], default=[])
    parser.add_argument("--core", action="store_true", help="only what the tests run")
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    parser.add_argument("--read", type=Path, nargs="+", help="print a table from these files")
    given = parser.parse_args()
    if given.read:
        rows = [row for path in given.read for row in json.loads(path.read_text("utf-8"))]
        print(*markdown(rows), sep="\n")
        return 0
    chosen = CORE if given.core else ALL
    wanted = [each for each in ALL if each.name in given.names] or list(chosen)
    began = time.monotonic()
    made(wanted)
    ready = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="manager-matrix-") as place:
        cells = run(wanted, Path(place))
    print(*lines(cells), sep="\n")
    wrong = sum(bool(differences(cell)) for cell in cells)
    print(
        f"\n{len(cells)} cells, {wrong} with differences;"
        f" {ready - began:.0f} s to make environments, {time.monotonic() - ready:.0f} s to run",
    )
    if given.json:
        rows = as_json(cells, {each.name: each.versions() for each in wanted})
        given.json.write_text(json.dumps(rows, indent=1) + "\n", "utf-8")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
