"""Agents' text is made fit to be shown."""

import re
import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from manager_agent.delivery.text import clean, shorten


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("research-agent", "research-agent", id="ordinary names stay"),
        pytest.param("агент-研究 é", "агент-研究 é", id="so do names in any script"),
        pytest.param("a\x1b[31mred\x1b[0m", "ared", id="colours go"),
        pytest.param("a\x1b]0;owned\x07b", "ab", id="window titles go"),
        pytest.param("a\x1b]8;;http://evil\x1b\\b", "ab", id="terminal links go"),
        pytest.param("a\x9b2Jb", "ab", id="8-bit escapes go"),
        pytest.param("a\x1bcb", "ab", id="terminal resets go"),
        pytest.param("ok\r\n┌ CRITICAL", "ok ┌ CRITICAL", id="nobody begins a line of their own"),
        pytest.param("a\u202egnp.exe", "agnp.exe", id="text cannot be turned around"),
        pytest.param("a\u200bb\ufeffc", "abc", id="invisible characters go"),
        pytest.param("a\ud800b", "ab", id="half characters go"),
        pytest.param("a\x00\x08b", "ab", id="controls go"),
    ],
)
def test_clean(text: str, shown: str) -> None:
    assert clean(text) == shown


@settings(deadline=None)
@given(st.text())
def test_clean_text_is_one_printable_line(text: str) -> None:
    cleaned = clean(text)

    assert clean(cleaned) == cleaned
    assert not [char for char in cleaned if unicodedata.category(char)[0] == "C"]
    assert len(cleaned.splitlines()) <= 1


@pytest.mark.parametrize(
    ("text", "limit", "shown"),
    [
        pytest.param("spent $0.42", 11, "spent $0.42", id="what fits stays"),
        pytest.param(
            "it spent $1,234.56 today", 14, "it spent…", id="an amount is whole or absent"
        ),
        pytest.param("used 1,234,567 tokens", 10, "used…", id="a count is whole or absent"),
        pytest.param("at 105 % now", 7, "at…", id="a percentage keeps its sign"),
        pytest.param("run `a b c` now", 9, "run…", id="a code span is whole or absent"),
        pytest.param("x &lt;!channel&gt;", 5, "x…", id="an entity is whole or absent"),
        pytest.param("on <!date^1^{date}|x> it", 12, "on…", id="a date is whole or absent"),
        pytest.param("the quick brown fox", 12, "the quick…", id="words are whole"),
        pytest.param("a" * 50, 10, "a" * 9 + "…", id="an endless word is cut"),
    ],
)
def test_shorten(text: str, limit: int, shown: str) -> None:
    assert shorten(text, limit) == shown


@settings(deadline=None)
@given(
    st.lists(st.sampled_from(["word", "$12.50", "1,234", "`a b`", "&lt;", "105 %", " "])),
    st.integers(1, 40),
)
@example(["`a b`", "1,234"], 6)
def test_nothing_is_cut_in_two(parts: list[str], limit: int) -> None:
    whole = " ".join(parts)
    cut = shorten(whole, limit)

    assert len(cut) <= max(limit, 1)
    assert cut.count("`") % 2 == 0
    numbers = re.findall(r"\$?\d[\d.,]*(?: %)?", cut)
    assert set(numbers) <= set(re.findall(r"\$?\d[\d.,]*(?: %)?", whole))
    assert "&" not in cut.replace("&lt;", "")
