"""What is read by hand is what protobuf reads, or left to it."""

from hypothesis import example, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import KeyValue

from manager_agent.receiver.decode import read_pair
from manager_agent.receiver.simple import NOT_SIMPLE, simple_value

KEY = "gen_ai.usage.input_tokens"


def by_hand(raw: bytes) -> object:
    return simple_value(raw, len(KEY) + 2, len(raw))


def pair(**value: object) -> bytes:
    message = KeyValue(key=KEY)
    for name, each in value.items():
        setattr(message.value, name, each)
    return message.SerializeToString()


@given(st.one_of(st.integers(-(2**63), 2**63 - 1), st.integers(0, 2**22)))
@example(0)
@example(127)
@example(128)
@example(2**14 - 1)
@example(2**14)
@example(2**21 - 1)
@example(2**21)
def test_numbers(number: int) -> None:
    assert by_hand(pair(int_value=number)) == (number if 0 <= number < 2**21 else NOT_SIMPLE)


@given(st.text(max_size=200), st.sampled_from([1, 1, 100, 400]))
def test_texts(text: str, times: int) -> None:
    found = by_hand(pair(string_value=text * times))

    # Between the two there are lengths of which one takes a byte and one takes two.
    assert found == text * times or (found is NOT_SIMPLE and len((text * times).encode()) > 100)


@given(st.floats(allow_nan=False))
def test_doubles(number: float) -> None:
    assert by_hand(pair(double_value=number)) == number


@settings(max_examples=2000)
@given(
    st.sampled_from(
        [
            pair(),
            pair(int_value=300),
            pair(double_value=0.5),
            *(pair(string_value=text) for text in ("resp_1", 30 * "text ", 4_000 * "text ")),
        ]
    ),
    st.lists(st.tuples(st.integers(0, 60), st.integers(0, 255)), min_size=1, max_size=4),
    st.integers(0, 4),
)
def test_damaged_bytes_are_read_as_protobuf_reads_them_or_not_at_all(
    raw: bytes, changes: list[tuple[int, int]], cut: int
) -> None:
    """The key is known and whole: that is asked before."""
    first = len(KEY) + 2
    damaged = bytearray(raw)
    for at, byte in changes:
        if first + at < len(damaged):
            damaged[first + at] = byte
    left = bytes(damaged[: max(first, len(damaged) - cut)])
    found = by_hand(left)

    assert found is NOT_SIMPLE or repr((KEY, found)) == repr(read_pair(left))
