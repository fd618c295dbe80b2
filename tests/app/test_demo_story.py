"""What the demonstration tells of itself: only what the provider's ledger shows."""

from collections.abc import Sequence
from decimal import Decimal

import pytest

from manager_agent.app.demo.answers import Usage
from manager_agent.app.demo.ledger import Served
from manager_agent.app.demo.prompt_cache import Prompt
from manager_agent.app.demo.story import Story, billed_usd

CALL = Served(
    "/research-agent/v1/chat/completions",
    *("gpt-4o", "gpt-4o-2024-08-06", "id", 200, False),
    Usage(Prompt(10_000, cache_read=8_000), 100),
)
SYNC = Served("/sync-agent/v1/chat/completions", "m", "m", "id", 200, False, None)
FAILED = Served("/sync-agent/v1/chat/completions", "m", "", "", 503, False, None, billed=False)


class Terminal:
    """Notes commands; they work unless told otherwise."""

    def __init__(self, works: bool = True) -> None:
        self.commands: list[str] = []
        self.works = works

    def __call__(self, words: Sequence[str]) -> bool:
        self.commands.append(" ".join(words))
        return self.works


class Refusals:
    """One more each time it is asked: an agent that is refused again and again."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> int:
        self.count += 1
        return self.count


def texts(story: Story) -> list[str]:
    return [each.text for each in story.told]


def test_the_loop_is_stopped_raised_and_goes_on() -> None:
    terminal = Terminal()
    story = Story(terminal, Refusals())
    served = [CALL] * 20
    for now in range(20):
        story.look(served[: now + 1], now)
    assert story.told == []  # it works, as it seems

    for now in range(20, 40):
        story.look(served, now)
    story.look([*served, CALL], 41)

    assert texts(story) == [
        "research-agent is stopped by its hard limit of $0.40: the provider billed $0.3200",
        "$ manager-agent budget set research-agent --monthly-usd 0.80",
        "research-agent goes on, with nothing to restart",
    ]
    assert terminal.commands == ["budget set research-agent --monthly-usd 0.80"]
    assert story.held


def test_a_command_that_fails_is_told_and_tried_again() -> None:
    terminal = Terminal(works=False)
    story = Story(terminal, Refusals())
    for now in range(40):
        story.look([CALL], now)

    assert len(terminal.commands) > 1
    assert texts(story)[1].endswith("failed")
    assert not story.held


def test_an_agent_that_is_only_slow_is_not_stopped() -> None:
    story = Story(Terminal(), lambda: 3)
    for now in range(40):
        story.look([CALL], now)

    assert story.told == []


def test_an_agent_that_never_began_is_not_stopped() -> None:
    story = Story(Terminal(), Refusals())
    for now in range(40):
        story.look([], now)

    assert story.told == []


def test_the_breaker_opens_and_closes() -> None:
    story = Story(Terminal(), Refusals())
    served = [SYNC, *[FAILED] * 5]
    for now in range(6):
        story.look(served[: now + 1], now)
    story.look(served, 9)
    story.look([*served, SYNC, SYNC], 15)
    assert not story.recovered
    story.look([*served, SYNC, SYNC, SYNC], 16)

    assert [text.partition(":")[0] for text in texts(story)] == ["sync-agent"] * 2
    assert "is open" in texts(story)[0]
    assert "closed again" in texts(story)[1]
    assert story.recovered


def test_a_few_failures_are_no_story() -> None:
    story = Story(Terminal(), Refusals())
    for now in range(20):
        story.look([SYNC, *[FAILED] * 4], now)

    assert story.told == []


@pytest.mark.parametrize("billed", [True, False])
def test_what_was_billed_is_at_list_price(billed: bool) -> None:
    entry = Served(*("p", "gpt-4o", "m", "i", 200, False), CALL.usage, billed=billed)

    assert billed_usd([entry]) == (Decimal("0.016") if billed else 0)
