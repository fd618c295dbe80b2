"""Room on the disk: refused early, resumed by itself, and not asked for more than once a second."""

from pathlib import Path

import pytest

from manager_agent.store.room import Room

MIB = 2**20
HERE = Path("/data")


class Disk:
    """A disk of a size, with so much of it free; counts how often it is asked."""

    def __init__(self, total_mib: int, free_mib: int) -> None:
        self.total_mib, self.free_mib = total_mib, free_mib
        self.now = 0.0
        self.asked = 0
        self.broken = False

    def room(self, least_mib: int) -> Room:
        return Room(HERE, least_mib, lambda: self.now, self._look)

    def _look(self, _: Path) -> tuple[int, int]:
        self.asked += 1
        if self.broken:
            raise OSError("gone")
        return self.total_mib * MIB, self.free_mib * MIB


def at(disk: Disk, room: Room, free_mib: int) -> bool:
    """Tell whether data is refused with so much free, a second later."""
    disk.now += 1
    disk.free_mib = free_mib
    return room.closed() is not None


def test_it_closes_below_the_least_and_opens_with_a_quarter_more() -> None:
    disk = Disk(100_000, 600)
    room = disk.room(512)

    said = [at(disk, room, free) for free in (600, 512, 511, 512, 600, 639, 640, 520, 500)]

    assert said == [False, False, True, True, True, True, False, False, True]
    assert room.metrics()[2].samples[0].value == 2


def test_it_says_why_and_what_to_do() -> None:
    why = Disk(100_000, 100).room(512).closed()

    assert why is not None
    assert why.startswith("/data has 100 MiB left")
    assert "the 512 MiB of storage.min_free_mib" in why


@pytest.mark.parametrize(("free_mib", "refused"), [(11, False), (9, True)])
def test_of_a_small_disk_a_tenth_is_enough(free_mib: int, refused: bool) -> None:
    assert (Disk(100, free_mib).room(512).closed() is not None) == refused


def test_nothing_is_refused_where_nothing_must_stay_free() -> None:
    assert Disk(100_000, 0).room(0).closed() is None


def test_the_disk_is_asked_once_a_second() -> None:
    disk = Disk(100_000, 600)
    room = disk.room(512)
    for _ in range(1000):
        room.closed()
        disk.now += 0.001
    assert disk.asked == 1

    disk.now += 1
    room.closed()
    assert disk.asked == 2


def test_a_disk_that_does_not_answer_changes_nothing() -> None:
    disk = Disk(100_000, 100)
    room = disk.room(512)
    assert at(disk, room, 100)
    disk.broken = True
    assert at(disk, room, 10_000)
    disk.broken = False
    assert not at(disk, room, 10_000)


def test_it_sees_a_real_disk(tmp_path: Path) -> None:
    room = Room(tmp_path, 1, lambda: 0.0)

    assert room.closed() is None
    assert room.metrics()[0].samples[0].value > MIB
