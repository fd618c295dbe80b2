"""The fake provider counts prompts as the real ones' documentation says they are counted."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manager_agent.app.demo.prompt_cache import Prompt, PromptCache, Segment, tokens

LONG = "x" * 4 * 2000  # 2000 tokens


@pytest.mark.parametrize(
    ("text", "count"),
    [
        pytest.param("", 1, id="nothing is one token"),
        pytest.param("abcd", 1, id="four characters"),
        pytest.param("abcde", 2, id="a part counts whole"),
    ],
)
def test_tokens(text: str, count: int) -> None:
    assert tokens(text) == count


@pytest.mark.parametrize(
    ("before", "now", "read"),
    [
        pytest.param([], LONG, 0, id="a first prompt is read from no cache"),
        pytest.param([LONG], LONG, 1920, id="the same prompt is read in whole steps of 128"),
        pytest.param([LONG], LONG + "and more", 1920, id="a longer one shares its beginning"),
        pytest.param([LONG], "y" + LONG, 0, id="a different beginning shares nothing"),
        pytest.param(["x" * 4 * 1000] * 2, "x" * 4 * 1000, 0, id="under 1024 tokens: no cache"),
    ],
)
def test_openai_reads_known_prefixes(before: Sequence[str], now: str, read: int) -> None:
    cache = PromptCache()
    for text in before:
        cache.automatic("m", [Segment(text)])

    assert cache.automatic("m", [Segment(now)]) == Prompt(tokens(now), cache_read=read)


def test_caches_of_two_models_are_apart() -> None:
    cache = PromptCache()
    cache.automatic("one", [Segment(LONG)])

    assert cache.automatic("two", [Segment(LONG)]).cache_read == 0


def test_anthropic_writes_up_to_the_mark_then_reads_it() -> None:
    cache = PromptCache()
    prompt = [Segment(LONG, marked=True), Segment("question")]

    assert cache.marked("m", prompt) == Prompt(2002, cache_read=0, cache_write=2000)
    assert cache.marked("m", prompt) == Prompt(2002, cache_read=2000, cache_write=0)


def test_anthropic_reads_the_old_mark_and_writes_the_new_one() -> None:
    cache = PromptCache()
    cache.marked("m", [Segment(LONG, marked=True)])

    grown = cache.marked("m", [Segment(LONG, marked=True), Segment("y" * 40, marked=True)])

    assert grown == Prompt(2010, cache_read=2000, cache_write=10)


def test_anthropic_caches_nothing_unasked() -> None:
    cache = PromptCache()
    cache.marked("m", [Segment(LONG)])

    assert cache.marked("m", [Segment(LONG)]) == Prompt(2000)


@given(
    st.lists(
        st.lists(
            st.tuples(st.sampled_from(["a", "b"]), st.integers(1, 6000), st.booleans()), max_size=4
        ),
        max_size=5,
    )
)
def test_the_cached_part_never_exceeds_the_prompt(
    prompts: list[list[tuple[str, int, bool]]],
) -> None:
    """Whatever came before: 0 <= read + write <= total, for both providers."""
    cache = PromptCache()
    for prompt in prompts:
        segments = [Segment(char * size, marked) for char, size, marked in prompt]
        for counted in (cache.automatic("o", segments), cache.marked("a", segments)):
            assert counted.cache_read >= 0
            assert counted.cache_write >= 0
            assert counted.cache_read + counted.cache_write <= counted.total
