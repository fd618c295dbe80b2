"""GOAWAY is taken out of the bytes of a server, and nothing else is."""

import struct
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from manager_agent.instrumentation.goaway import GoAway, GoAwayFilter

OTHERS = st.sampled_from([0, 1, 3, 4, 6, 8, 9, 200])


def frame(kind: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3) + bytes([kind, 0]) + bytes(4) + payload


def goaway(last: int, code: int, why: bytes) -> bytes:
    return frame(7, struct.pack(">II", last, code) + why)


FRAMES = st.lists(
    st.one_of(
        st.builds(frame, OTHERS, st.binary(max_size=60)).map(lambda found: (found, None)),
        st.builds(
            lambda last, code: (goaway(last, code, b"bye"), GoAway(last, code, "bye")),
            st.integers(0, 2**31 - 1),
            st.integers(0, 13),
        ),
    ),
    max_size=8,
)


@given(FRAMES, st.lists(st.integers(0, 600), max_size=15))
def test_it_is_found_wherever_the_bytes_are_cut(
    frames: list[tuple[bytes, GoAway | None]], cuts: list[int]
) -> None:
    wire = b"".join(found for found, _ in frames)
    at = [0, *sorted(min(cut, len(wire)) for cut in cuts), len(wire)]
    watching = GoAwayFilter()

    passed = b"".join(watching.feed(wire[start:end]) for start, end in pairwise(at))

    assert passed == b"".join(found for found, said in frames if said is None)
    assert watching.said == next((said for _, said in reversed(frames) if said), None)


def test_a_goaway_that_is_none_is_left_to_who_knows_better() -> None:
    watching = GoAwayFilter()
    short, long = frame(7, b"1234567"), frame(7, bytes(16385))

    assert watching.feed(short + long) == short + long
    assert watching.said is None


@given(st.binary(max_size=300))
def test_any_bytes_can_pass(wire: bytes) -> None:
    assert len(GoAwayFilter().feed(wire)) <= len(wire)
