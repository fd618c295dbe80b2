"""The hand-written codec says what protobuf says, and takes any bytes without another error."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manager_agent.contract import guard
from manager_agent.contract.guard import FromGuard, FromManager, Grant, Hello, Outcomes, Report
from manager_agent.contract.wire_format import MAX_BYTES, WireError, decode, encode, int64, text
from tests.contract.proto_file import classes

PROTO = classes()
RECORDS: list[type[Any]] = [
    one
    for one in vars(guard).values()
    if isinstance(one, type) and is_dataclass(one) and one.__module__ == guard.__name__
]
INT64 = st.integers(-(1 << 63), (1 << 63) - 1)
WORDS = {
    name: getattr(guard, constant)
    for name, constant in {
        "unit": "_UNIT",
        "verdict": "_VERDICT",
        "enforcement": "_ENFORCEMENT",
        "unpriced": "_UNPRICED",
        "unreachable": "_UNREACHABLE",
        "phase": "_PHASE",
        "scope": "_SCOPE",
    }.items()
}
UNSIGNED = {"seq", "lease", "revision"}


def words(kind: type[Any], name: str) -> tuple[str, ...] | None:
    return guard._ANSWER if kind is guard.Answer and name == "state" else WORDS.get(name)


def values(kind: type[Any], name: str, hint: Any) -> st.SearchStrategy[Any]:
    if listed := words(kind, name):
        return st.sampled_from(listed)
    if get_origin(hint) is tuple:
        return st.lists(values(kind, "", get_args(hint)[0]), max_size=3).map(tuple)
    if get_origin(hint) is not None and issubclass(get_origin(hint), Mapping):
        return st.dictionaries(st.text(max_size=5), INT64, max_size=3)
    if is_dataclass(hint):
        return records(hint)
    if hint == int | None:
        return st.none() | INT64
    if hint is int and name in UNSIGNED:
        return st.integers(0, (1 << 64) - 1)
    plain: dict[Any, st.SearchStrategy[Any]] = {
        int: INT64,
        str: st.text(max_size=12),
        bool: st.booleans(),
    }
    return plain[hint]


def either(choices: Iterable[st.SearchStrategy[Any]]) -> st.SearchStrategy[Any]:
    return st.one_of(*choices)


def records(kind: Any) -> st.SearchStrategy[Any]:
    hints = get_type_hints(kind)
    if kind in (FromGuard, FromManager):  # a oneof
        return either(
            records(next(part for part in get_args(hint) if is_dataclass(part))).map(
                lambda value, name=name: kind(**{name: value})  # type: ignore[misc]
            )
            for name, hint in hints.items()
            if name != "more"  # of frames, which have a test of their own
        )
    return st.builds(kind, **{name: values(kind, name, hint) for name, hint in hints.items()})


def protobufs(record: Any) -> Any:
    """Return what protobuf makes of the same values."""
    made = PROTO[type(record).__name__]()
    for one in fields(record):
        value = getattr(record, one.name)
        if value is None:
            continue
        if is_dataclass(value):
            getattr(made, one.name).CopyFrom(protobufs(value))
        elif isinstance(value, tuple) and value and is_dataclass(value[0]):
            getattr(made, one.name).extend(protobufs(item) for item in value)
        elif isinstance(value, tuple):
            getattr(made, one.name).extend(value)
        elif isinstance(value, Mapping):
            getattr(made, one.name).update(value)
        elif listed := words(type(record), one.name):
            setattr(made, one.name, listed.index(value))
        else:
            setattr(made, one.name, value)
    return made


any_record = either(records(kind) for kind in RECORDS)


def test_the_file_and_the_records_name_the_same_messages_and_fields() -> None:
    assert {kind.__name__ for kind in RECORDS} == set(PROTO)
    for kind in RECORDS:
        said = {one.name: one.metadata["wire"].number for one in fields(kind)}
        assert said == {one.name: one.number for one in PROTO[kind.__name__].DESCRIPTOR.fields}


def test_the_words_are_the_enums() -> None:
    short = {"OPENED": "open", "HELD_CLOSED": "closed"}
    for kind in RECORDS:
        for one in PROTO[kind.__name__].DESCRIPTOR.fields:
            if one.enum_type is not None:
                named = [value.name for value in one.enum_type.values]
                assert [value.number for value in one.enum_type.values] == [*range(len(named))]
                expected = ["unknown", *(short.get(name, name.lower()) for name in named[1:])]
                assert list(words(kind, one.name) or ()) == expected


@given(any_record)
def test_a_record_comes_back(record: Any) -> None:
    assert decode(type(record), encode(record)) == record


@given(any_record)
def test_protobuf_reads_what_we_write(record: Any) -> None:
    assert PROTO[type(record).__name__].FromString(encode(record)) == protobufs(record)


@given(any_record)
def test_we_read_what_protobuf_writes(record: Any) -> None:
    assert decode(type(record), protobufs(record).SerializeToString()) == record


unknown = st.sampled_from(
    [
        pytest.param(b"\xf8\x7f\x05", id="number"),
        pytest.param(b"\xf9\x7f12345678", id="fixed 64"),
        pytest.param(b"\xfa\x7f\x03abc", id="bytes"),
        pytest.param(b"\xfd\x7f1234", id="fixed 32"),
    ]
).map(lambda param: param.values[0])


@given(any_record, unknown, unknown)
def test_fields_of_a_newer_program_are_skipped(record: Any, before: bytes, after: bytes) -> None:
    assert decode(type(record), before + encode(record) + after) == record


def test_a_number_that_has_no_word_yet_is_unknown() -> None:
    raw = PROTO["Grant"](verdict=99, need=7).SerializeToString()

    assert decode(Grant, raw) == Grant(need=7)


def test_the_last_of_a_oneof_counts() -> None:
    raw = encode(FromGuard(hello=Hello("h1"))) + encode(FromGuard(report=Report("h2")))

    assert decode(FromGuard, raw) == FromGuard(report=Report("h2"))
    assert PROTO["FromGuard"].FromString(raw).WhichOneof("message") == "report"


def test_a_message_of_a_newer_program_is_empty() -> None:
    assert decode(FromGuard, b"\xfa\x01\x02\x0a\x00") == FromGuard()


@given(st.sampled_from(RECORDS), st.binary(max_size=60))
@settings(max_examples=300)
def test_any_bytes_are_read_or_refused(kind: type[Any], data: bytes) -> None:
    try:
        decode(kind, data)
    except WireError:
        return


@given(any_record, st.data())
def test_a_message_that_is_cut_is_read_or_refused(record: Any, data: st.DataObject) -> None:
    raw = encode(record)
    cut = data.draw(st.integers(0, len(raw)))
    try:
        decode(type(record), raw[:cut])
    except WireError:
        return


@pytest.mark.parametrize(
    ("data", "said"),
    [
        pytest.param(b"\x0a\x05ab", "ends behind the message", id="text longer than the message"),
        pytest.param(b"\x10\x80", "ends behind the message", id="number without end"),
        pytest.param(b"\x10" + b"\xff" * 11, "more than 10 bytes", id="number too long"),
        pytest.param(b"\x02\x00", "field number 0", id="field number 0"),
        pytest.param(b"\x0b", "wire type 3", id="groups"),
        pytest.param(b"\x0a\x01\xff", "no UTF-8", id="text that is none"),
        pytest.param(bytes(MAX_BYTES + 1), "at most", id="too large"),
    ],
)
def test_what_is_wrong_is_said(data: bytes, said: str) -> None:
    with pytest.raises(WireError, match=said):
        decode(Report, data)


@pytest.mark.parametrize(
    "record",
    [
        pytest.param(Grant(need=1 << 63), id="a number above int64"),
        pytest.param(Report(seq=-1), id="a negative seq"),
        pytest.param(Grant(verdict="later"), id="a word that is none"),  # type: ignore[arg-type]
        pytest.param(Report(holder="\ud800"), id="a text that UTF-8 does not have"),
        pytest.param(Outcomes(counts={"ok": 1 << 64}), id="a count above int64"),
    ],
)
def test_what_does_not_fit_is_not_written(record: Any) -> None:
    with pytest.raises(WireError):
        encode(record)


@dataclass(frozen=True, slots=True)
class Nested:
    """A message that could go on for ever."""

    name: str = text(1)
    size: int = int64(2)


def test_depth_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("manager_agent.contract.wire_format._MAX_DEPTH", 1)

    with pytest.raises(WireError, match="nested deeper than 1"):
        decode(FromGuard, encode(FromGuard(hello=Hello("h"))))
    assert decode(Nested, encode(Nested("a", -1))) == Nested("a", -1)
