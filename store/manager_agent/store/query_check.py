"""Which statements of a user may run: one that reads, and calls no function that does more.

The sandbox settings are not enough. They let the views of the snapshot read its Parquet files, and
so would let a user's statement. And DuckDB 1.5.6 lets a SELECT call `enable_logging(storage =>
'file')` with its configuration locked, and the process aborts. So functions in FROM are allowed by
name, and no file is a table.
"""

import json
import re
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import duckdb

_SERIALIZE = (files("manager_agent.store") / "snapshot_sql" / "serialize.sql").read_text("utf-8")
_GAP = r"(?:\s|--[^\n]*(?:\n|$)|/\*.*?\*/)"
_EXPLAIN = re.compile(
    rf"{_GAP}*EXPLAIN\b{_GAP}*(?:ANALYZE\b{_GAP}*)?(?:\([^()]*\){_GAP}*)?",
    re.IGNORECASE | re.DOTALL,
)

TABLE_FUNCTIONS = frozenset(
    {
        "duckdb_columns", "duckdb_functions", "duckdb_keywords", "duckdb_schemas", "duckdb_tables",
        "duckdb_types", "duckdb_views", "generate_series", "histogram", "histogram_values",
        "icu_calendar_names", "json_each", "json_tree", "pg_timezone_names", "pragma_table_info",
        "range", "repeat", "repeat_row", "summary", "unnest",
    }
)  # fmt: skip
"""Functions that may stand in FROM: they read the open file or their arguments, nothing else."""

_NEVER_CALLED = frozenset({"pg_sleep", "sleep_ms", "write_log"})
"""Functions of an expression that read nothing: they hold a worker, or write to DuckDB's log."""

_A_FILE = re.compile(
    r"[/\\:*?\[]|\.(parquet|csv|tsv|jsonl?|ndjson|db|duckdb|gz|zst|arrows?)\b", re.I
)

# Kinds of query in a syntax tree that read; DuckDB 2.0 has DELETE and the like inside WITH.
_READS = frozenset({"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"})


class Refused(Exception):
    """The statement is none that may run; the message says why and what may."""


def check(con: duckdb.DuckDBPyConnection, text: str) -> None:
    """Raise `Refused` unless `text` is one SELECT, or an EXPLAIN of one.

    Runs nothing of `text`. Raises `duckdb.ParserException` where it is no SQL.
    """
    kind = _only_statement(con, text)
    if kind == "EXPLAIN":
        explain = _EXPLAIN.match(text)
        text = text[explain.end() :] if explain else ""
        if _only_statement(con, text) != "SELECT":
            raise Refused("EXPLAIN is allowed of a SELECT only")
    elif kind != "SELECT":
        raise Refused(f"{kind} statements are not allowed: one SELECT, or EXPLAIN of one, is")
    _check_tree(con, text)


def _only_statement(con: duckdb.DuckDBPyConnection, text: str) -> str:
    try:
        statements = con.extract_statements(text)
    except ValueError as error:  # DuckDB 2.0 knows kinds of statement that its Python does not
        raise Refused("this kind of statement is not allowed: one SELECT is") from error
    if len(statements) != 1:
        raise Refused(f"one statement is allowed, found {len(statements)}")
    return statements[0].type.name


def _check_tree(con: duckdb.DuckDBPyConnection, text: str) -> None:
    try:
        tree = json.loads(con.execute(_SERIALIZE, {"text": text}).fetchall()[0][0])
    except RecursionError as error:
        raise Refused("the statement is nested too deeply") from error
    if tree["error"]:
        # Also statements that DuckDB calls SELECT and that are more, like some PRAGMAs.
        raise Refused(f"only a plain SELECT is allowed ({tree['error_message']})")
    for node in _nodes(tree):
        kind = node.get("type")
        if kind == "TABLE_FUNCTION":
            name = str(node["function"]["function_name"]).lower()
            if name not in TABLE_FUNCTIONS:
                raise Refused(f"function {name}() is not allowed in FROM")
        elif str(node.get("function_name")).lower() in _NEVER_CALLED:
            raise Refused(f"function {node['function_name']}() is not allowed")
        elif kind == "BASE_TABLE" and _A_FILE.search(str(node.get("table_name", ""))):
            # DuckDB reads a table that is not there as a file, and may read those of the snapshot.
            raise Refused(f"{node['table_name']!r} is no table: files are not allowed in FROM")
        elif isinstance(kind, str) and kind.endswith("_NODE") and kind not in _READS:
            raise Refused(f"a SELECT that writes is not allowed ({kind})")


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    """Yield every object of the syntax `tree`; by hand, as it may be deeper than Python's stack."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            yield node
            waiting.extend(node.values())
        elif isinstance(node, list):
            waiting.extend(node)
