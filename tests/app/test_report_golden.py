"""What people read in each report, word for word, and the picture that is drawn of it."""

import json
from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from manager_agent.app.reports.chart import SIZE, chart
from manager_agent.app.reports.tables import COST_BY_DAY
from manager_agent.rules.message import Message, Section
from manager_agent.store.control import ControlStore
from tests.harness.report_history import GOLDEN, drawn, report_history, reports

KINDS = ("hourly_summary", "daily_report", "weekly_report", "issues_report")
WHITE = (255, 255, 255)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Message]]:
    folder: Path = tmp_path_factory.mktemp("reports")
    of = report_history()
    with ControlStore(folder / "control.sqlite") as control:
        yield {message.kind: message for message in reports(of, control)}
    of.con.close()


@pytest.mark.parametrize("kind", KINDS)
def test_a_report_says_what_its_file_says(told: dict[str, Message], kind: str) -> None:
    expected = (GOLDEN / f"{kind}.json").read_text("utf-8")

    assert json.loads(drawn(told[kind])) == json.loads(expected)


@pytest.mark.parametrize("kind", KINDS)
def test_every_row_has_a_cell_for_each_head(told: dict[str, Message], kind: str) -> None:
    for section in told[kind].sections:
        assert section.title
        assert all(len(row) == len(section.columns) for row in section.rows)
        assert all(
            cell != "" or section.columns[-1] == "Trend" for row in section.rows for cell in row
        )


def picture(message: Message) -> Image.Image:
    drawn_of_it = chart(message)
    assert drawn_of_it is not None
    return Image.open(BytesIO(drawn_of_it)).convert("RGB")


def with_days(message: Message, columns: tuple[str, ...], *rows: tuple[str, ...]) -> Message:
    return replace(message, sections=(Section(COST_BY_DAY, "", columns, rows),))


def height(image: Image.Image, day: int, days: int) -> int:
    """Return how many dots high the bar of a day is."""
    wide = (SIZE[0] - 100) / days
    x = round((70 + wide * (day + 0.5)) * 2)
    column = [image.getpixel((x, y)) for y in range(160, (SIZE[1] - 40) * 2)]
    return sum(isinstance(dot, tuple) and max(dot) - min(dot) > 30 for dot in column)


def test_bars_are_as_high_as_days_were_dear(told: dict[str, Message]) -> None:
    rows = [("2026-11-24", "$1,000.00", "$0.00", "$1,000.00")]
    rows += [("2026-11-25", "at least $250.00", "unknown", "at least $250.00")]
    image = picture(with_days(told["daily_report"], ("Day", "a", "others", "all"), *rows))

    assert image.size == (SIZE[0] * 2, SIZE[1] * 2)
    assert abs(height(image, 0, 2) - 4 * height(image, 1, 2)) <= 4


def test_a_report_has_a_picture_of_its_own_days(told: dict[str, Message]) -> None:
    assert picture(told["daily_report"]).getcolors(100000) is not None
    assert chart(told["daily_report"]) != chart(told["weekly_report"])
    assert chart(told["hourly_summary"]) is None
    assert chart(told["issues_report"]) is None


@pytest.mark.parametrize(
    ("columns", "row"),
    [
        pytest.param(("Day", "others", "all"), ("2026-11-25", "$0.00", "$0.00"), id="no cost"),
        pytest.param(("Day", "Cost", "Calls"), ("2026-11-25", "no idea", "4"), id="no numbers"),
    ],
)
def test_what_cannot_be_drawn_is_not(
    told: dict[str, Message], columns: tuple[str, ...], row: tuple[str, ...]
) -> None:
    assert chart(with_days(told["daily_report"], columns, row)) is None


@pytest.mark.parametrize(
    "name", [pytest.param("я" * 300, id="long, of no letter known"), pytest.param("", id="empty")]
)
def test_any_name_can_be_drawn(told: dict[str, Message], name: str) -> None:
    row = ("2026-11-25", "$0.000001", "$0.00", "$0.000001")

    assert picture(with_days(told["daily_report"], ("Day", name, "others", "all"), row))


def test_a_report_without_days_has_no_picture(told: dict[str, Message]) -> None:
    assert chart(with_days(told["daily_report"], ("Day", "others", "all"))) is None
