"""Ids of calls are UUIDs of version 7, and no two processes make the same."""

import os
from uuid import UUID

import pytest

from manager_agent.instrumentation.call_id import new_call_id

NOW_NS = 1_764_137_000_123_456_789


def test_they_are_ordered_by_time_and_each_is_another() -> None:
    made = [new_call_id(NOW_NS) for _ in range(10_000)]

    assert len(set(made)) == len(made)
    assert all(
        UUID(each).version == 7 and UUID(each).variant == UUID(int=2**63).variant for each in made
    )
    assert int(made[0][:12], 16) == NOW_NS // 1_000_000
    assert new_call_id(NOW_NS - 10**6) < made[0] < new_call_id(NOW_NS + 10**6)


def test_their_last_bytes_are_spread_as_samplers_want() -> None:
    low = sum(int(new_call_id(NOW_NS)[-14:], 16) < 2**52 for _ in range(16_000))

    assert 900 < low < 1100, "one in sixteen"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_child_does_not_repeat_its_parent() -> None:
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(write, "\n".join(new_call_id(NOW_NS) for _ in range(50)).encode())
        os._exit(0)
    os.waitpid(child, 0)
    told = os.read(read, 65536).decode().split("\n")
    os.close(read)
    os.close(write)

    assert len(told) == 50
    assert not set(told) & {new_call_id(NOW_NS) for _ in range(50)}
