"""YAML text -> plain data, as if the text came from somebody who means harm."""

from dataclasses import dataclass
from typing import Any

import yaml

MOST_BYTES = 1 << 20
_MOST_VALUES = 100_000
_MERGE = "tag:yaml.org,2002:merge"


@dataclass(frozen=True, slots=True)
class Document:
    """What a text says (None if nothing), and each problem with the line it is in."""

    data: Any
    problems: tuple[str, ...] = ()


class _Loader(yaml.SafeLoader):
    """The safe loader, which also notes keys that are given twice."""

    def __init__(self, stream: bytes) -> None:
        super().__init__(stream)
        self.twice: list[str] = []

    def compose_mapping_node(self, anchor: dict[Any, yaml.Node]) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        first: dict[str, int] = {}
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != _MERGE:
                line = key.start_mark.line + 1
                if key.value in first:
                    self.twice.append(
                        f"line {line}: the key {key.value!r} was given in line {first[key.value]} "
                        "already; keep one of them"
                    )
                first.setdefault(key.value, line)
        return node


def read_yaml(text: bytes) -> Document:
    """Return what `text` says; where it cannot be read at all, no data but the problem.

    Refused are texts above 1 MiB, aliases that grow beyond 100,000 values or hold themselves,
    nesting without end, and keys given twice. Tags of Python objects are never followed.
    """
    if len(text) > MOST_BYTES:
        return Document(None, (f"is {len(text):,} bytes long; at most {MOST_BYTES:,} are read",))
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        if node is None:
            return Document(None)
        if _values(node, {}) > _MOST_VALUES:
            return Document(None, (f"its aliases make more than {_MOST_VALUES:,} values of it",))
        return Document(loader.construct_document(node), tuple(loader.twice))
    except RecursionError:
        return Document(None, ("is nested too deeply",))
    except yaml.YAMLError as error:
        return Document(None, (_said(error),))
    except ValueError as error:  # PyYAML: an impossible date, a number of thousands of digits
        return Document(None, (f"holds a date or number that cannot be read ({error})",))


def _values(node: yaml.Node, known: dict[int, int]) -> int:
    """Count the values of `node` with each alias written out; `known` by id, 0 while counting."""
    if known.get(id(node)) == 0:
        raise yaml.YAMLError("an alias holds itself")
    if id(node) not in known:
        known[id(node)] = 0
        children = node.value if isinstance(node, yaml.CollectionNode) else []
        flat = [
            part for child in children for part in (child if isinstance(child, tuple) else [child])
        ]
        known[id(node)] = 1 + sum(_values(part, known) for part in flat)
    return known[id(node)]


def _said(error: yaml.YAMLError) -> str:
    """Return what PyYAML found, on one line, and where."""
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        where = f"line {error.problem_mark.line + 1}, column {error.problem_mark.column + 1}"
        what = "; ".join(part for part in (error.context, error.problem) if part)
        return f"{where}: is not YAML: {what}"
    return f"is not YAML: {' '.join(str(error).split())}"
