"""Whatever a message holds, Slack accepts it and nobody is mentioned by accident."""

from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from manager_agent.delivery.catalog import catalog
from manager_agent.delivery.plain import text as text_of
from manager_agent.delivery.slack.blocks import blocks, fallback
from manager_agent.delivery.slack.fake import fault, mentions
from manager_agent.delivery.slack.markup import code, date, escape
from manager_agent.delivery.wording import card
from manager_agent.rules.message import Fact, Message, Section

NOW = datetime(2026, 11, 23, 14, 41, 7, tzinfo=UTC)
HOSTILE = "<!channel> <@U1> <https://e.example|x> &lt;!here&gt; ` * \x1b[2J"

text = st.text(max_size=300) | st.sampled_from(
    [HOSTILE, "<" * 200, "`" * 200, "a" * 5000, "&" * 3000]
)
fact: st.SearchStrategy[Fact] = st.none() | st.booleans() | st.integers() | st.floats() | text


KEYS = sorted({key for kind in catalog().values() for key in [*kind.labels, *kind.hidden]})


def payload(message: Message) -> dict[str, object]:
    shown = card(message)
    return {"text": fallback(shown), "blocks": [block.to_dict() for block in blocks(shown)]}


@st.composite
def sections(draw: st.DrawFn) -> Section:
    width = draw(st.integers(0, 9))
    cells = st.lists(text, max_size=width + 1).map(tuple)
    rows = tuple(draw(st.lists(cells, max_size=6)) * draw(st.sampled_from([1, 1, 20])))
    heads = tuple(draw(st.lists(text, min_size=width, max_size=width)))
    return Section(draw(text), draw(text), heads, rows)


@st.composite
def messages(draw: st.DrawFn) -> Message:
    return Message(
        key=draw(text),
        alert_id=draw(text),
        kind=draw(st.sampled_from(sorted(catalog())) | text),
        state=draw(st.sampled_from(["firing", "resolved"])),
        severity=draw(st.sampled_from(["info", "warning", "critical"])),
        agent=draw(st.none() | text),
        headline=draw(text),
        ts=NOW,
        facts=draw(
            st.dictionaries(
                text | st.sampled_from(KEYS),
                fact,
                max_size=60,
            )
        ),
        sections=tuple(draw(st.lists(sections(), max_size=4)) * draw(st.sampled_from([1, 1, 30]))),
    )


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(messages())
@example(
    Message(
        HOSTILE, HOSTILE, HOSTILE, "firing", "critical", HOSTILE, HOSTILE, NOW, {HOSTILE: HOSTILE}
    )
)
def test_any_message_is_accepted_and_mentions_nobody(message: Message) -> None:
    sent = payload(message)

    assert fault(sent) is None
    assert mentions(sent) == []
    assert text_of(message).count("\x1b") == 0


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param({"text": "<!channel>"}, id="everybody"),
        pytest.param({"blocks": [{"text": "<@U1>"}]}, id="somebody"),
        pytest.param({"text": "<https://e.example|x>"}, id="a link"),
    ],
)
def test_the_judge_sees_mentions(bad: dict[str, object]) -> None:
    assert mentions(bad)


def test_markup() -> None:
    assert escape("a<b>&c") == "a&lt;b&gt;&amp;c"
    assert code("a`b") == "`a'b`"
    assert date(NOW) == "<!date^1795444867^{date_short_pretty} at {time}|2026-11-23 14:41 UTC>"


def test_facts_beyond_a_screen_are_counted() -> None:
    message = Message(
        "k", "a", "x", "firing", "info", None, "h", NOW, dict.fromkeys(map(str, range(33)), 1)
    )

    context = payload(message)["blocks"][-1]  # type: ignore[index]

    assert "3 more facts" in context["elements"][0]["text"]
