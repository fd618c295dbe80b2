"""The table of a run: what is there is shown, what was not measured is said."""

import pytest

from benchmarks.render import HEAD, line, markdown, put_into

ROW = {
    "name": "8 x 512",
    "acked_per_s": 25_000.4,
    "queryable_per_s": 20_000.0,
    "p50_ms": 12.3,
    "p99_ms": 45.0,
    "max_ms": 67.0,
    "cpu_s_per_million": 33.33,
    "client_cpu_s_per_million": 2.25,
    "rss_peak_mib": 512.0,
    "disk_mib_per_million": None,
    "refused": 0,
    "requests": 391,
}
FOUND = {
    "machine": {
        "at": "2026-11-25T22:00:00+00:00",
        "cores": 2,
        "processor": "a processor",
        "versions": {"duckdb": "1.5.6"},
    },
    "seconds": 8.0,
    "rows": [ROW],
    "failures": {"64 x 1": "nothing was acknowledged"},
    "limits": {"protobuf parse": {"spans_per_s": 100_000.0, "cpu_s_per_million": 10.0}},
    "rivals": {
        "slow": {
            "version": "1",
            "acked_per_s": 700.0,
            "queryable_per_s": 100.0,
            "p99_ms": 9000.0,
            "cpu_s_per_million": None,
        },
        "broken": {"error": "does not start"},
    },
}


def test_the_page_holds_figures_ratios_and_what_is_missing() -> None:
    page = markdown(FOUND)

    assert "| 8 x 512 | 25,000 | 20,000 | 12 | 45 | 67 | 33.3 | 2.2 | 512 | - | 0 | 391 |" in page
    assert "limit, protobuf parse: 100,000 spans/s, 10.0 CPU s/M" in page
    assert "; the manager acknowledges 25.0% of it and stores 20.0%" in page
    assert "stored 100/s, p99 9,000 ms, - CPU s/M; the manager stores 200 times as many" in page
    assert "- rival, broken: not measured: does not start" in page
    assert "- not measured: 64 x 1: nothing was acknowledged" in page


def test_a_line_for_the_terminal_is_as_wide_as_the_head() -> None:
    assert len(line(ROW)) == len(HEAD)


def test_figures_go_between_the_marks_of_a_page() -> None:
    page = "# a\n<!-- figures: how -->\nold\n<!-- end of figures -->\nb\n"

    assert put_into(page, "new\n") == page.replace("old", "new")
    with pytest.raises(ValueError, match="no place for figures"):
        put_into("# a\n", "new\n")
