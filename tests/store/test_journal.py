"""The journal: what it acknowledged is there after any end, what is stored leaves no file."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manager_agent.receiver.signals import SignalName
from manager_agent.receiver.sink import Kept, Offer
from manager_agent.store.journal import Journal
from manager_agent.store.journal_record import DamagedError, packed, records, unpacked

SIGNALS: list[SignalName] = ["traces", "logs", "metrics"]
OFFERS = st.builds(
    Offer, st.binary(max_size=200), st.sampled_from(SIGNALS), st.none() | st.text(max_size=20)
)
ONE, OTHER = Offer(b"one" * 9), Offer(b"other" * 7, "logs", "an agent, ümlaut")


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


@given(OFFERS)
def test_a_record_says_what_was_offered(offer: Offer) -> None:
    assert unpacked(packed(offer)) == offer


@given(OFFERS, st.data())
def test_a_damaged_record_is_not_believed(offer: Offer, data: st.DataObject) -> None:
    record = bytearray(packed(offer))
    record[data.draw(st.integers(0, len(record) - 1))] ^= data.draw(st.integers(1, 255))

    with pytest.raises(DamagedError):
        unpacked(bytes(record))


@given(st.lists(OFFERS, max_size=5), st.data())
def test_of_a_torn_segment_all_whole_records_are_found(
    offers: list[Offer], data: st.DataObject
) -> None:
    whole = b"".join(map(packed, offers))
    torn = whole[: data.draw(st.integers(0, len(whole)))]

    found = [unpacked(torn[at : at + size]) for at, size in records(torn)]

    sizes = [len(packed(offer)) for offer in offers]
    fit = sum(sum(sizes[: n + 1]) <= len(torn) for n in range(len(sizes)))
    assert found == offers[:fit]


def test_a_record_with_a_damaged_body_is_stepped_over() -> None:
    segment = bytearray(packed(ONE) + packed(OTHER))
    segment[len(packed(ONE)) - 1] ^= 1
    (first, second) = records(bytes(segment))

    with pytest.raises(DamagedError):
        unpacked(bytes(segment[: first[1]]))
    assert unpacked(bytes(segment[second[0] : sum(second)])) == OTHER


def test_what_was_kept_is_there_for_the_next_run_and_gone_when_stored(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    assert journal.leftover() == []
    kept = journal.append([ONE, OTHER])
    journal.done(kept[0])
    journal.close()

    again = Journal(tmp_path / "journal")
    left = again.leftover()
    assert [again.read(each) for each in left] == [ONE, OTHER], "which one was stored is not kept"
    assert again.size == sum(each.size for each in left)
    for each in left:
        again.done(each)
    assert files(tmp_path) == []
    assert again.size == 0


def test_a_new_run_does_not_write_to_an_old_segment(tmp_path: Path) -> None:
    first = Journal(tmp_path)
    first.append([ONE])
    first.close()
    second = Journal(tmp_path)
    (left,) = second.leftover()
    (kept,) = second.append([OTHER])

    assert kept.segment > left.segment
    assert second.read(kept) == OTHER
    second.close()


def test_a_segment_goes_when_its_last_request_is_stored(tmp_path: Path) -> None:
    journal = Journal(tmp_path, segment_bytes=1)
    one, other = (journal.append([offer])[0] for offer in (ONE, OTHER))
    assert one.segment != other.segment

    journal.done(one)
    assert len(files(tmp_path)) == 1
    journal.done(other)
    journal.rest()
    assert files(tmp_path) == []
    assert journal.size == 0


def test_resting_keeps_what_is_owed(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    (kept,) = journal.append([ONE])
    journal.rest()

    assert journal.read(kept) == ONE
    journal.close()


def test_others_may_not_read_it(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    (kept,) = journal.append([ONE])
    journal.append([OTHER])
    journal.set_aside(kept, "a value the store cannot hold")
    journal.close()

    modes = {path.stat().st_mode & 0o077 for path in (tmp_path / "journal").rglob("*")}
    assert modes == {0}


def test_what_cannot_be_stored_is_kept_aside(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    (kept,) = journal.append([OTHER])
    journal.set_aside(kept, "a value the store cannot hold")
    journal.rest()

    (path,) = (tmp_path / "unstorable").iterdir()
    assert path.read_bytes() == OTHER.payload
    assert path.name.endswith(".logs.pb"), "as `decode` tells signals apart"
    assert Journal(tmp_path).leftover() == []


def _full(file: int, data: object) -> int:
    raise OSError(errno.ENOSPC, "No space left on device")


def _half(file: int, data: "memoryview[int]") -> int:
    if len(data) < 8:
        raise OSError(errno.ENOSPC, "No space left on device")
    return _WRITE(file, data[: len(data) // 2])


def _lost(file: int) -> None:
    raise OSError(errno.EIO, "Input/output error")


_WRITE = os.write


@pytest.mark.parametrize(
    ("name", "broken"),
    [
        pytest.param("write", _full, id="no room at all"),
        pytest.param("write", _half, id="room for a part of it"),
        pytest.param("fdatasync", _lost, id="it cannot be synced"),
    ],
)
@pytest.mark.parametrize("before", [[], [ONE]], ids=["first", "later"])
def test_where_the_disk_fails_nothing_of_it_is_kept(
    name: str,
    broken: Callable[..., int],
    before: list[Offer],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    journal = Journal(tmp_path)
    if before:
        journal.append(before)
    with monkeypatch.context() as patch:
        patch.setattr(os, name, broken)
        with pytest.raises(OSError, match=r"No space|Input/output"):
            journal.append([OTHER, OTHER])
    (kept,) = journal.append([ONE])
    assert journal.read(kept) == ONE
    journal.close()

    again = Journal(tmp_path)
    assert [again.read(each) for each in again.leftover()] == [*before, ONE]


def test_a_missing_request_is_an_error_of_the_disk(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="0000000007"):
        Journal(tmp_path).read(Kept(7, 0, 10))
