"""A full disk: senders hear "later", nothing acknowledged is lost, and it goes on by itself."""

import os
import random
import resource
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import grpc
import pytest

from tests.faults.test_kill import assert_complete, assert_kept
from tests.harness.load import Load
from tests.harness.manager import Manager, manager, until
from tests.harness.otlp import Sender, one_call, refusal, request
from tests.harness.rollups import assert_rollups_are_sums

pytestmark = pytest.mark.slow

# To the last byte: what is refused early never fails.
TO_THE_END = {"storage": {"min_free_mib": 0}}


@dataclass
class Disk:
    """A place for data; `fill` lets the next writes fail, `free` lets them succeed again."""

    data: Path
    fill: Callable[[Manager], None]
    free: Callable[[Manager], None]


@contextmanager
def limited_files(place: Path) -> Iterator[Disk]:
    """No file may grow beyond the size it has: writes fail with EFBIG."""
    if not hasattr(resource, "prlimit"):
        pytest.skip("needs prlimit, which Linux has")

    def limit(running: Manager, soft: int) -> None:
        resource.prlimit(running.pid, resource.RLIMIT_FSIZE, (soft, resource.RLIM_INFINITY))

    def fill(running: Manager) -> None:
        wal = running.data_dir / "manager.duckdb.wal"
        limit(running, wal.stat().st_size + 20_000)

    def free(running: Manager) -> None:
        if running.process.poll() is None:
            limit(running, resource.RLIM_INFINITY)

    yield Disk(place / "data", fill, free)


@contextmanager
def small_disk(mounted: Path, data: Path) -> Iterator[Disk]:
    """A file system of its own, filled to the last byte: writes fail with ENOSPC."""
    mounted.mkdir(parents=True)
    options = ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(mounted)]
    if subprocess.run(options, capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount a file system")
    ballast = mounted / "ballast"

    def fill(_: Manager) -> None:
        with ballast.open("wb", buffering=0) as file:
            size = 1 << 20
            while size:
                try:
                    file.write(bytes(size))
                except OSError:
                    size //= 4

    try:
        yield Disk(data, fill, lambda _: ballast.unlink(missing_ok=True))
    finally:
        subprocess.run(["umount", "--lazy", str(mounted)], check=True)


DISKS = [
    pytest.param(limited_files, id="EFBIG"),
    pytest.param(lambda place: small_disk(place / "data", place / "data"), id="ENOSPC"),
    pytest.param(lambda place: small_disk(place, place / "data"), id="ENOSPC for its log, too"),
]


@pytest.fixture(params=DISKS)
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Disk]:
    with request.param(tmp_path / "disk") as found:
        yield found


def fill_under(load: Load, running: Manager, disk: Disk) -> None:
    """Fill the disk while calls come in; return when they are turned away."""
    until("load", lambda: len(load.so_far()) > 300)
    disk.fill(running)
    refusals = load.refusals
    until("refusals", lambda: load.refusals > refusals + 10)


def test_it_goes_on_once_there_is_room(disk: Disk) -> None:
    """Meanwhile it says what is wrong; afterwards every call is there once."""
    with manager(disk.data, TO_THE_END) as running:
        with Load(running.where, emitters=1, seed=5) as load:
            fill_under(load, running, disk)
            assert_says_so(running)
            disk.free(running)
            before = len(load.so_far())
            until("it goes on", lambda: len(load.so_far()) > before + 100)
            load.finish()
        until("all is well", lambda: running.get("/api/v1/manager/status")["status"] == "ok")
        assert_complete(running, load.calls, emitters=1)
        assert running.stop() == 0
    with manager(disk.data) as again:
        assert_complete(again, load.calls, emitters=1)


def assert_says_so(running: Manager) -> None:
    """The state is visible to people, to probes and to senders."""
    status = running.get("/api/v1/manager/status")
    with Sender(running.where) as sender:
        refused = refusal(lambda: sender.raw(more_than_fits()))

    assert status["status"] == "degraded"
    assert running.metric("manager_receiver_store_total", outcome="failed") > 0
    assert refused.code() is grpc.StatusCode.UNAVAILABLE
    assert "grpc-status-details-bin" in {pair.key for pair in refused.trailing_metadata() or ()}


def more_than_fits() -> bytes:
    """Return a request that no last free block has room for."""
    call = one_call("probe", 1)
    return request(
        replace(call, span_id=f"{number:016x}") for number in range(1, 2000)
    ).SerializeToString()


BUSY = {
    "storage": {"min_free_mib": 0, "checkpoint_mib": 1, "snapshot_seconds": 0.1},
    "receiver": {"merge_window_seconds": 1},
}
"""Checkpoints, seals and snapshots all the time: the disk is full in the middle of one."""


@pytest.mark.parametrize("seed", range(3))
def test_full_while_it_checkpoints_seals_and_publishes(tmp_path: Path, seed: int) -> None:
    """Filled and freed again and again; every call is there once, in the end and after a kill."""
    rng = random.Random(seed)
    place = tmp_path / "disk"
    with small_disk(place, place / "data") as disk:
        with manager(disk.data, BUSY) as running:
            with Load(running.where, emitters=1, seed=20 + seed) as load:
                for _ in range(3):
                    before = len(load.so_far())
                    until("load", lambda b=before: len(load.so_far()) > b + 200)  # type: ignore[misc]
                    time.sleep(rng.uniform(0, 1.0))  # the moment the disk is full: any
                    fill_under(load, running, disk)
                    time.sleep(rng.uniform(0, 1.0))  # how long it is: any
                    disk.free(running)
                load.finish()
            assert_complete(running, load.calls, emitters=1)
            running.kill()
        with manager(disk.data, BUSY) as again:
            assert_complete(again, load.calls, emitters=1)


def test_a_disk_nearly_full_is_refused_early(tmp_path: Path) -> None:
    """Nothing fails to be stored; what is refused says why; with room it goes on by itself."""
    place = tmp_path / "disk"
    with small_disk(place, place / "data") as disk, manager(disk.data, {}) as running:
        with Load(running.where, emitters=1, seed=9) as load:
            until("load", lambda: len(load.so_far()) > 100)
            (place / "ballast").write_bytes(bytes(free_of(place) - 5 * 2**20))
            refusals = load.refusals
            until("refusals", lambda: load.refusals > refusals + 5)
            left = free_of(place)  # it looks once a second: how much went until then, nobody knows
            status = running.get("/api/v1/manager/status")
            with Sender(running.where) as sender:
                refused = refusal(lambda: sender.raw(more_than_fits()))
                over_http = sender.post(more_than_fits())
            assert status["status"] == "degraded"
            assert "below the 6 MiB of storage.min_free_mib" in status["reasons"][0]
            assert refused.code() is grpc.StatusCode.UNAVAILABLE
            assert "storage.min_free_mib" in str(refused.details())
            assert over_http.status_code == 503
            assert over_http.headers["retry-after"]
            assert running.metric("manager_disk_refusing") == 1
            assert running.metric("manager_receiver_requests_total", outcome="no_room") > 5
            until("more refusals", lambda: load.refusals > refusals + 25)
            assert free_of(place) > left - 2**20
            disk.free(running)
            before = len(load.so_far())
            until("it goes on", lambda: len(load.so_far()) > before + 100)
            load.finish()
        assert running.metric("manager_receiver_store_total", outcome="failed") == 0
        assert running.get("/api/v1/manager/status")["status"] == "ok"
        assert_complete(running, load.calls, emitters=1)


def free_of(place: Path) -> int:
    """Return the free bytes of a file system."""
    found = os.statvfs(place)
    return found.f_bavail * found.f_frsize


@pytest.mark.parametrize("end", ["kill", "stop"])
def test_nothing_acknowledged_is_lost_when_it_ends_while_full(disk: Disk, end: str) -> None:
    with manager(disk.data, TO_THE_END) as running:
        with Load(running.where, emitters=1, seed=6) as load:
            fill_under(load, running, disk)
            load.abandon()
            if end == "kill":
                running.kill()
            else:
                began = time.monotonic()
                running.stop()
                assert time.monotonic() - began < 10
        disk.free(running)
    with manager(disk.data) as again:
        assert_kept(again, load.so_far())
        assert_rollups_are_sums(again)


def test_refusals_and_the_end_are_quick_with_much_in_the_window(tmp_path: Path) -> None:
    """Senders give up after 10 seconds, and so does who waits for a SIGTERM."""
    with (
        limited_files(tmp_path) as disk,
        manager(disk.data, TO_THE_END) as running,
        Sender(running.where) as sender,
        ThreadPoolExecutor(8) as pool,
    ):
        for number in range(20):
            sender.send(request(one_call("much", 1000 * number + i) for i in range(1000)))
        disk.fill(running)
        probe = more_than_fits()

        began = time.monotonic()
        refused = [pool.submit(refusal, lambda: sender.raw(probe)) for _ in range(8)]
        codes = {each.result().code() for each in refused}
        took = time.monotonic() - began
        assert codes == {grpc.StatusCode.UNAVAILABLE}
        assert took < 10

        began = time.monotonic()
        running.stop(60)
        assert time.monotonic() - began < 10
