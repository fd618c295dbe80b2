"""The key of the digests: made once, its owner's alone, never silently replaced."""

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from manager_agent.store.digest_key import DigestKeyError, digest_key


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "digest.key"


def test_a_key_is_made_for_its_owner_alone(path: Path) -> None:
    """Whatever the umask would allow."""
    before = os.umask(0)
    try:
        key = digest_key(path)
    finally:
        os.umask(before)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_bytes() == key
    assert len(key) == 32


def test_it_stays_the_same(path: Path) -> None:
    assert digest_key(path) == digest_key(path)


def test_each_installation_has_its_own(path: Path) -> None:
    assert digest_key(path) != digest_key(path.with_name("other.key"))


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o601], ids="{:o}".format)
def test_a_key_that_others_may_read_is_refused(path: Path, mode: int) -> None:
    digest_key(path)
    path.chmod(mode)

    with pytest.raises(DigestKeyError) as refused:
        digest_key(path)

    assert str(refused.value) == (
        f"{path} has mode {mode:04o}: others may read it; run chmod 600 {path}"
    )
    path.chmod(0o600)
    assert len(digest_key(path)) == 32


def test_a_stricter_mode_is_well(path: Path) -> None:
    key = digest_key(path)
    path.chmod(0o400)

    assert digest_key(path) == key


@pytest.mark.parametrize("size", [0, 31, 33], ids=["empty", "cut off", "too long"])
def test_a_damaged_key_is_refused_and_kept(path: Path, size: int) -> None:
    path.touch(mode=0o600)
    path.write_bytes(b"x" * size)

    with pytest.raises(DigestKeyError, match=rf"^{path} holds {size} bytes, not 32; restore it"):
        digest_key(path)

    assert path.stat().st_size == size


def test_who_comes_second_reads_the_first_ones_key(path: Path) -> None:
    """Two that start at once never go on with two keys: one may be told to try again."""

    def attempt(_: int) -> bytes | None:
        try:
            return digest_key(path)
        except DigestKeyError:  # looked at between the other's creation and its write
            return None

    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(attempt, range(64))) - {None}

    assert keys == {path.read_bytes()}
