"""Names of models, freed of what some signals and emitters add to them."""

import re
from functools import cache

_VERSION = re.compile(r"(-v\d+(:\d+)?)?$|@.*$|\[[^\]]*\]$")
_DATE = re.compile(r"-?(\d{8}|\d{4}-\d{2}-\d{2})$")


@cache
def undated(model: str) -> str:
    """Return a model's name without route, vendor, version and date.

    `us.anthropic.claude-sonnet-4-5-20250929-v1:0` and `claude-sonnet-4-5` are one model here.
    """
    name = model.lower().rsplit("/", 1)[-1].rsplit("anthropic.", 1)[-1]
    return _DATE.sub("", _VERSION.sub("", name))
