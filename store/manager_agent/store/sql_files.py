"""The statements of the `.sql` files beside the code."""

from functools import cache
from importlib.resources import files
from pathlib import PurePath

import duckdb


@cache
def statements(name: str, folder: str = "sql") -> tuple[str, ...]:
    """Return the statements of `<folder>/<name>.sql`, in order."""
    text = files(__package__).joinpath(folder).joinpath(f"{name}.sql").read_text("utf-8")
    return split(text)


def filled(name: str, folder: str, **parts: str) -> str:
    """Return `<folder>/<name>.sql` with `parts` in the place of their names in braces.

    For what takes no parameters: names of tables and files. Quotes must be doubled already.
    """
    text = files(__package__).joinpath(folder).joinpath(f"{name}.sql").read_text("utf-8")
    body = "\n".join(line for line in text.splitlines() if not line.startswith("--"))
    return body.format(**parts)


def format_path(path: PurePath) -> str:
    """Return a path as it stands between the quotes of a string in SQL."""
    return str(path).replace("'", "''")


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
