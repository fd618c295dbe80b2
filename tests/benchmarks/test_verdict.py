"""What the soak calls flat, steady and on time; and that it can say no."""

import math

import pytest

from benchmarks import verdict
from benchmarks.verdict import Reading
from manager_agent.app.bench.figures import Ack

HOUR = 3600


def readings(
    *, rss: float = 800, growth: float = 0, saw: float = 0, every: float = 1, age: float = 3
) -> list[Reading]:
    """An hour: memory grows by `growth` MiB in it, under a saw-tooth; a look each `every` s."""
    return [
        Reading(
            float(at),
            rss + growth * at / HOUR + saw * (at % 47) / 47,
            at // every,
            at // 5,
            age + at % 5,
        )
        for at in range(HOUR)
    ]


@pytest.mark.parametrize(
    ("growth", "saw", "flat"),
    [(0, 0, True), (0, 300, True), (100, 300, True), (400, 300, False), (-500, 0, True)],
)
def test_memory_is_flat_where_a_saw_tooth_does_not_climb(
    growth: float, saw: float, flat: bool
) -> None:
    assert verdict.memory_flat(readings(growth=growth, saw=saw)).held is flat


def test_a_rise_that_ends_before_the_middle_is_warming_up() -> None:
    warm = [Reading(float(at), min(200 + at, 900), at, at, 1) for at in range(HOUR)]

    assert verdict.memory_flat(warm).held


def test_the_rise_is_told() -> None:
    found = verdict.memory_flat(readings(growth=400))

    assert "+400.0 MiB an hour: +199.9 MiB in it" in found.why


def acks(seconds: float, waits: dict[int, float], each: float = 0.1) -> list[Ack]:
    """Ten requests of 500 spans a second; in slice n of 60 s one in fifty took `waits[n]`."""
    found = []
    for number in range(int(seconds / each)):
        done = number * each
        slow = waits.get(int(done // 60)) if number % 50 == 0 else None
        found.append(Ack(1000 + done, slow or 0.02, 500, 300))
    return found


def test_slices_count_what_was_acknowledged_in_them() -> None:
    parts = verdict.slices(acks(300, {1: 0.9}), 1000.0, 300, 60)

    assert [part.begin for part in parts] == [0, 60, 120, 180, 240]
    assert [round(part.acked_per_s) for part in parts] == [5000] * 5
    assert parts[1].waits is not None
    assert math.isclose(parts[1].waits.p99_ms, 900)


@pytest.mark.parametrize(
    ("waits", "steady"),
    [
        ({}, True),
        ({1: 0.25}, True),
        ({1: 0.9}, False),
        (dict.fromkeys(range(5), 0.9), True),
        ({0: 0.9, 1: 0.9, 2: 0.9, 3: 0.9, 4: 2.0}, False),
        ({0: 7.0, 1: 14.0, 2: 20.0, 3: 27.0, 4: 40.0}, False),  # falling behind
    ],
)
def test_one_slice_far_above_the_others_is_not_steady(
    waits: dict[int, float], steady: bool
) -> None:
    parts = verdict.slices(acks(300, waits), 1000.0, 300, 60)

    assert verdict.latency_steady(parts).held is steady


def test_a_slice_without_an_answer_is_neither_steady_nor_on_pace() -> None:
    gap = [ack for ack in acks(300, {}) if not 1060 <= ack.done < 1120]
    parts = verdict.slices(gap, 1000.0, 300, 60)

    assert not verdict.latency_steady(parts).held
    assert not verdict.pace_kept(parts, 5000).held
    assert verdict.pace_kept(verdict.slices(acks(300, {}), 1000.0, 300, 60), 5000).held


@pytest.mark.parametrize(("every", "held"), [(1, True), (1.02, True), (2, False)])
def test_ticks_are_counted_against_the_clock(every: float, held: bool) -> None:
    assert verdict.ticks_on_time(readings(every=every), 1).held is held


@pytest.mark.parametrize(("age", "held"), [(0, True), (9, True), (14, False)])
def test_a_copy_older_than_three_intervals_is_late(age: float, held: bool) -> None:
    assert verdict.snapshots_on_time(readings(age=age), 5).held is held


def test_one_span_more_or_less_is_seen() -> None:
    assert verdict.all_there(10, 10).held
    assert not verdict.all_there(10, 9).held
    assert not verdict.all_there(10, 11).held


def test_no_query_at_all_is_no_success() -> None:
    assert not verdict.readers_served(0, 0).held
    assert not verdict.readers_served(9, 1).held
    assert verdict.readers_served(9, 0).held
