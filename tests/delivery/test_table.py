"""Tables as lines: aligned, within a width and a length, no number cut."""

from hypothesis import given, settings
from hypothesis import strategies as st

from manager_agent.delivery.table import columns_of, table
from manager_agent.rules.message import Section

COSTS = Section(
    "", "", ("Agent", "Cost", "Change"), (("a", "$1.20", "+4 %"), ("bb", "$10.00", "new"))
)


def test_numbers_stand_to_the_right() -> None:
    assert table(COSTS) == [
        "Agent    Cost  Change",
        "─────  ──────  ──────",
        "a       $1.20    +4 %",
        "bb     $10.00     new",
    ]


def test_names_and_heads_give_way_before_numbers_do() -> None:
    rows = (("a-very-long-name-of-an-agent", "$1,234,567.89"), ("b", "at least $2.00"))

    assert table(Section("", "", ("Agent", "Cost in the week before"), rows), width=24) == [
        "Agent       Cost in the…",
        "────────  ──────────────",
        "a-very-…   $1,234,567.89",
        "b         at least $2.00",
    ]


def test_times_that_need_room_lose_what_is_the_same_in_all_of_them() -> None:
    rows = (
        ("a name of thirty letters or so", "2026-11-22 13:38 UTC"),
        ("b", "2026-11-23 09:12 UTC"),
    )

    assert table(Section("", "", ("Issue", "First"), rows), width=44) == [
        "Issue                            First, UTC",
        "──────────────────────────────  ───────────",
        "a name of thirty letters or so  11-22 13:38",
        "b                               11-23 09:12",
    ]


def test_rows_that_do_not_fit_are_counted() -> None:
    many = Section("", "", ("n",), tuple((f"{n}",) for n in range(50)))

    drawn = table(many, length=60)

    assert drawn[-1] == f"and {50 - len(drawn) + 3} more"
    assert sum(len(line) + 1 for line in drawn) <= 60


def test_a_table_without_room_says_how_many_rows_it_has() -> None:
    assert table(COSTS, length=10) == ["2 rows"]


def test_letters_of_two_columns_stay_aligned() -> None:
    first, _, second, third = table(Section("", "", ("a", "b"), (("研究", "1"), ("x", "2"))))

    assert columns_of(second) == columns_of(third)
    assert first == "a     b"


def test_a_backtick_ends_no_block_of_code() -> None:
    assert "`" not in "".join(table(Section("", "", ("a`",), (("```",),))))


@settings(deadline=None, max_examples=50)
@given(
    st.lists(st.sampled_from(["$1,234.56", "at least $0.10", "12 %", "unknown", ""]), min_size=1),
    st.integers(10, 80),
    st.integers(0, 400),
)
def test_no_number_is_cut(cells: list[str], width: int, length: int) -> None:
    section = Section("", "", ("Name", "Cost"), tuple(("an agent", cell) for cell in cells))

    for line in table(section, width, length)[2:]:
        assert line.startswith("and ") or line.split("  ")[-1].strip() in {*cells, "an agent"}
