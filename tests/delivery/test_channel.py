"""How a notifier's trouble begins, lasts and ends."""

from datetime import UTC, datetime, timedelta

from manager_agent.delivery.channel import DOUBTED_AFTER, Channel
from manager_agent.delivery.notifier import Failed, Sent

NOW = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
DOWN = Failed("HTTP 500: rollup_error", permanent=False)


def failing(times: int) -> Channel:
    channel = Channel("slack")
    for _ in range(times):
        channel = channel.after(DOWN, NOW)
    return channel


def test_a_new_channel_is_not_paused() -> None:
    assert not Channel("slack").paused(NOW)


def test_a_pause_ends_when_it_said() -> None:
    channel = Channel("slack").after(Failed("HTTP 429", False, retry_after_seconds=30), NOW)

    assert channel.paused(NOW + timedelta(seconds=29, microseconds=999_999))
    assert not channel.paused(NOW + timedelta(seconds=30))


def test_success_forgets_the_trouble() -> None:
    assert failing(5).after(Sent(), NOW) == Channel("slack", "ok")


def test_a_refusal_does_not_pause_the_messages_behind_it() -> None:
    channel = failing(2).after(Failed("invalid_blocks", permanent=True), NOW)

    assert (channel.health, channel.paused(NOW)) == ("refused", False)
    assert channel.reason == "invalid_blocks"


def test_one_other_message_is_tried_when_the_fault_may_be_the_messages_own() -> None:
    patient = failing(3).after(DOWN, NOW, tries=DOUBTED_AFTER)
    doubting = failing(3).after(DOWN, NOW, tries=DOUBTED_AFTER + 1)

    assert patient.paused(NOW)
    assert not doubting.paused(NOW)
    assert doubting.after(DOWN, NOW, tries=DOUBTED_AFTER + 1).paused(NOW)


def test_who_asks_to_be_left_alone_is_left_alone_by_all() -> None:
    asked = Failed("HTTP 429", False, retry_after_seconds=30)

    assert failing(3).after(asked, NOW, tries=DOUBTED_AFTER + 1).paused(NOW)
