"""The figures as people read them: lines while it runs, ratios at the end, Markdown for the pages.

`python -m benchmarks.render FILE.json` prints Markdown; with a page named after it, it puts that
between the page's marks.
"""

import json
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

_COLUMNS: tuple[tuple[str, str, str], ...] = (
    ("acked/s", "acked_per_s", ",.0f"),
    ("queryable/s", "queryable_per_s", ",.0f"),
    ("p50 ms", "p50_ms", ",.0f"),
    ("p99 ms", "p99_ms", ",.0f"),
    ("max ms", "max_ms", ",.0f"),
    ("CPU s/M", "cpu_s_per_million", ",.1f"),
    ("load's CPU s/M", "client_cpu_s_per_million", ",.1f"),
    ("RSS MiB", "rss_peak_mib", ",.0f"),
    ("disk MiB/M", "disk_mib_per_million", ",.0f"),
    ("put off", "refused", ",d"),
    ("requests", "requests", ",d"),
)
_MARKS = re.compile(r"(<!-- figures.*?-->\n).*?(<!-- end of figures -->)", re.DOTALL)
_NAME_WIDTH = 26
HEAD = "exporters x spans".ljust(_NAME_WIDTH) + "".join(
    title.rjust(max(len(title), 7) + 2) for title, _, _ in _COLUMNS
)
"""The line above those that `line` gives."""


def line(row: Mapping[str, Any]) -> str:
    """Return a row for the terminal."""
    cells = (
        _number(row.get(key), form).rjust(max(len(title), 7) + 2) for title, key, form in _COLUMNS
    )
    return str(row["name"]).ljust(_NAME_WIDTH) + "".join(cells)


def summary(found: Mapping[str, Any]) -> str:
    """Return the limits, the rivals and how the manager compares, for the terminal."""
    return "\n".join(["", *_comparison(found)])


def markdown(found: Mapping[str, Any]) -> str:
    """Return all of it as Markdown."""
    about = found["machine"]
    versions = ", ".join(f"{name} {value}" for name, value in about["versions"].items())
    lines = [
        f"{about['at']}, {about['cores']} cores ({about['processor']}), shared by server, load and"
        f" readers; {found['seconds']:g} s each after a warm-up; {versions}.",
        "",
        *_table(
            ["exporters x spans", *(title for title, _, _ in _COLUMNS)],
            [
                [row["name"], *(_number(row.get(key), form) for _, key, form in _COLUMNS)]
                for row in found["rows"]
            ],
        ),
        "",
        *(f"- {each}" for each in _comparison(found)),
        *(f"- not measured: {name}: {why}" for name, why in found["failures"].items()),
    ]
    return "\n".join(lines) + "\n"


def _comparison(found: Mapping[str, Any]) -> list[str]:
    ours = next((row for row in found["rows"] if row["name"] == "8 x 512"), None)
    lines = []
    for name, limit in found["limits"].items():
        text = (
            f"limit, {name}: {limit['spans_per_s']:,.0f} spans/s,"
            f" {limit['cpu_s_per_million']:.1f} CPU s/M"
        )
        lines.append(text + _share(ours, limit["spans_per_s"]))
    for name, rival in found["rivals"].items():
        if "error" in rival:
            lines.append(f"rival, {name}: not measured: {rival['error']}")
            continue
        stored = rival["queryable_per_s"]
        text = (
            f"rival, {name} {rival['version']}: acknowledged {rival['acked_per_s']:,.0f} spans/s,"
            f" stored {stored:,.0f}/s, p99 {rival['p99_ms']:,.0f} ms,"
            f" {_number(rival['cpu_s_per_million'], ',.0f')} CPU s/M"
        )
        lines.append(text + _times(ours, stored))
    return lines


def _share(ours: Mapping[str, Any] | None, limit: float) -> str:
    if ours is None:
        return ""
    acked, stored = ours["acked_per_s"], ours["queryable_per_s"]
    kept = "" if stored is None else f" and stores {stored / limit:.1%}"
    return f"; the manager acknowledges {acked / limit:.1%} of it{kept}"


def _times(ours: Mapping[str, Any] | None, rival: float) -> str:
    if ours is None or not rival or ours["queryable_per_s"] is None:
        return ""
    return f"; the manager stores {ours['queryable_per_s'] / rival:,.0f} times as many"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    rule = ["---"] + ["---:"] * (len(head) - 1)
    return ["| " + " | ".join(each) + " |" for each in (head, rule, *rows)]


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


def put_into(page: str, figures: str) -> str:
    """Return a page with `figures` between its marks. Raises `ValueError` where it has none."""
    found = _MARKS.search(page)
    if found is None:
        raise ValueError("the page has no place for figures: <!-- figures ... --> and its end")
    return page[: found.end(1)] + figures + page[found.start(2) :]


def main(given: Sequence[str]) -> None:
    """Print the Markdown of a file of figures, or put it into a page."""
    figures = markdown(json.loads(Path(given[0]).read_text("utf-8")))
    if len(given) == 1:
        print(figures, end="")
        return
    page = Path(given[1])
    page.write_text(put_into(page.read_text("utf-8"), figures), "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
