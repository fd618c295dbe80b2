"""Protobuf's own messages for `guard.proto`, built without a compiler: the codec's oracle.

Reads the few forms that the file uses; a line that it does not understand fails.
"""

import re
from importlib.resources import files
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_SCALARS = {"string": 9, "int64": 3, "uint64": 4, "bool": 8}
_FIELD = re.compile(r"(?:(repeated|optional) )?([\w.]+|map<string, int64>) (\w+) = (\d+);")
_PACKAGE = "manager_agent.control.v1"
_Field = descriptor_pb2.FieldDescriptorProto
_Message = descriptor_pb2.DescriptorProto


def classes() -> dict[str, type[Any]]:
    """Return protobuf's class of each message of the file."""
    source = files("manager_agent.contract").joinpath("guard.proto").read_text("utf-8")
    lines = [line.split("//")[0].strip() for line in source.splitlines()]
    file = descriptor_pb2.FileDescriptorProto(name="guard.proto", package=_PACKAGE, syntax="proto3")
    enums = {line.split()[1] for line in lines if line.startswith("enum ")}
    _read(file, iter([line for line in lines if line]), enums)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        one.name: message_factory.GetMessageClass(
            pool.FindMessageTypeByName(f"{_PACKAGE}.{one.name}")
        )
        for one in file.message_type
    }


def _read(file: descriptor_pb2.FileDescriptorProto, lines: Any, enums: set[str]) -> None:
    for line in lines:
        word, _, rest = line.partition(" ")
        name = rest.removesuffix(" {")
        if word == "message":
            _message(file.message_type.add(name=name), lines, enums)
        elif word == "enum":
            values = file.enum_type.add(name=name).value
            for inner in iter(lambda: next(lines), "}"):
                label, number = inner.removesuffix(";").split(" = ")
                values.add(name=label, number=int(number))
        elif word == "service":
            assert next(lines).startswith("rpc Session(stream FromGuard)")
            assert next(lines) == "}"
        else:
            assert word in ("syntax", "package"), line


def _message(message: _Message, lines: Any, enums: set[str]) -> None:
    for line in iter(lambda: next(lines), "}"):
        if line.startswith("oneof "):
            message.oneof_decl.add(name=line.split()[1])
            for inner in iter(lambda: next(lines), "}"):
                _field(message, inner, enums).oneof_index = 0
        else:
            _field(message, line, enums)
    # The oneofs that stand behind `optional` come last.
    for field in message.field:
        if field.proto3_optional:
            field.oneof_index = len(message.oneof_decl)
            message.oneof_decl.add(name=f"_{field.name}")


def _field(message: _Message, line: str, enums: set[str]) -> descriptor_pb2.FieldDescriptorProto:
    found = _FIELD.fullmatch(line)
    assert found, f"{message.name}: {line}"
    label, kind, name, number = found.groups()
    field = message.field.add(name=name, number=int(number), label=_Field.LABEL_OPTIONAL)
    if kind.startswith("map<"):
        entry = message.nested_type.add(name=f"{name.capitalize()}Entry")
        entry.options.map_entry = True
        for place, (part, scalar) in enumerate((("key", "string"), ("value", "int64")), start=1):
            entry.field.add(
                name=part, number=place, label=_Field.LABEL_OPTIONAL, type=_scalar(scalar)
            )
        label, kind = "repeated", f"{message.name}.{entry.name}"
    if label == "repeated":
        field.label = _Field.LABEL_REPEATED
    field.proto3_optional = label == "optional"
    if kind in _SCALARS:
        field.type = _scalar(kind)
    else:
        field.type = _Field.TYPE_ENUM if kind in enums else _Field.TYPE_MESSAGE
        field.type_name = f".{_PACKAGE}.{kind}"
    return field


def _scalar(kind: str) -> Any:
    return _SCALARS[kind]
