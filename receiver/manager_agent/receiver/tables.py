"""The tables of emitters, read once from the TOML files beside them."""

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any


@cache
def table(name: str) -> dict[str, Any]:
    """Return the table of `tables/<name>.toml`; it must not be changed."""
    return tomllib.loads(files(__package__).joinpath("tables", f"{name}.toml").read_text("utf-8"))
