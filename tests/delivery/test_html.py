"""The page that shows what Slack got: safe, whatever was in it, and true to Slack's markup."""

from datetime import UTC, datetime
from typing import Any

from manager_agent.delivery.samples import samples
from manager_agent.delivery.slack.blocks import blocks
from manager_agent.delivery.slack.fake import mentions
from manager_agent.delivery.slack.html import message, page
from manager_agent.delivery.wording import card

NOW = datetime(2026, 11, 23, 14, 41, 7, tzinfo=UTC)


def section(text: str) -> dict[str, Any]:
    return {"blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": text}}]}


def test_markup_is_drawn_as_slack_draws_it() -> None:
    drawn = message(
        section("*Cost* `a_b` <!date^1^{date}|14:00 UTC> &lt;b&gt;\n```\n1 &amp; 2\n```")
    )

    assert "<b>Cost</b> <code>a_b</code> 14:00 UTC &lt;b&gt;" in drawn
    assert "<pre>1 &amp; 2</pre>" in drawn


def test_nothing_in_a_message_becomes_a_tag() -> None:
    for text in ("<script>x</script>", "&lt;script&gt;", "`<img src=x>`", "```<svg/onload=x>```"):
        drawn = message(section(text))
        assert not any(tag in drawn for tag in ("<script", "<img", "<svg"))


def test_a_link_goes_nowhere_but_to_the_web() -> None:
    assert 'href="https://m.example/a&quot;b"' in message(section('<https://m.example/a"b|x>'))
    assert "href" not in message(section("<javascript:alert(1)|x>"))


def test_every_sample_is_on_the_page_once() -> None:
    told = [card(one) for one in samples(NOW)]
    html = page([{"blocks": [block.to_dict() for block in blocks(one)]} for one in told])

    assert html.count('class="message"') == len(told)
    assert "<script" not in html


def test_buttons_are_there_only_where_an_answer_can_come_back() -> None:
    waiting = next(one for one in samples(NOW) if one.kind == "approval" and one.state == "firing")
    shown = card(waiting)

    kinds = [[block.type for block in blocks(shown, interactive=way)] for way in (True, False)]
    assert ["actions" in each for each in kinds] == [True, False]
    assert all("approvals approve ask-" in str(shown.advice) for _ in kinds)


def test_a_decided_approval_has_no_buttons_and_says_who_and_when() -> None:
    decided = [one for one in samples(NOW) if one.kind == "approval" and one.state == "resolved"]

    assert len(decided) == 5
    for one in decided:
        shown = card(one)
        assert not shown.buttons
        assert "14:41 UTC" in shown.text
        assert ("by ann" in shown.text) == (one.facts["decision"] != "expired")


def test_the_only_link_is_ours() -> None:
    one = card(samples(NOW)[0], "https://manager.example/a|b>")

    payload = [block.to_dict() for block in blocks(one)]
    assert mentions(payload) == ["<https://manager.example/a%7Cb&gt;/api/v1/alerts|all alerts>"]
