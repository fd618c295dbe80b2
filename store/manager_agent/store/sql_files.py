"""The statements of the `.sql` files beside the code."""

from functools import cache
from importlib.resources import files
from pathlib import PurePath

import duckdb


@cache
def statements(name: str) -> tuple[str, ...]:
    """Return the statements of `sql/<name>.sql`, in order."""
    text = files(__package__).joinpath("sql").joinpath(f"{name}.sql").read_text("utf-8")
    return split(text)


def split(text: str) -> tuple[str, ...]:
    """Return the single statements of an SQL text, as DuckDB itself separates them."""
    return tuple(statement.query for statement in duckdb.extract_statements(text))


def migrations() -> list[tuple[int, str, str]]:
    """Return (version, name, text) of all migrations, oldest first."""
    folder = files(__package__).joinpath("migrations")
    found = []
    for file in folder.iterdir():
        name = PurePath(file.name)
        if name.suffix == ".sql":
            found.append((int(name.stem.split("_")[0]), name.stem, file.read_text("utf-8")))
    return sorted(found)
