"""Model families: what fails together, whatever the date of the model's version."""

import re
from functools import lru_cache

UNKNOWN = "unknown"
"""The family of a call that names no model, such as a batch."""

_LONGEST = 128
_PATH = re.compile(r"^.*(?:models|deployments|inference-profile|foundation-model)/", re.I)
_REGION = re.compile(r"^(?:us|eu|ap|apac|au|ca|jp|sa|us-gov|global)\.(?=[a-z0-9]+\.)")
_END = re.compile(
    r"(?:-?v\d+:\d+(?::\d+k)?|:\d+(?:k)?|@[\w.-]+|-v\d+"
    r"|-20\d{2}-?[01]\d-?[0-3]\d|-[01]\d-[0-3]\d|-[01]\d20\d{2}|-\d{4}|-\d{3}"
    r"|-latest|-preview|-exp)$"
)


@lru_cache(maxsize=1024)
def family_of(model: str | None) -> str:
    """Return the family of a model as a provider names it: `gpt-4o` of `gpt-4o-2024-08-06`.

    A family is one line of models without date, version and region; sizes are families of their
    own (`gpt-4o-mini`), since they run on machines of their own.
    """
    name = _REGION.sub("", _PATH.sub("", (model or "").strip().lower()))[:_LONGEST]
    while name:
        shorter = _END.sub("", name)
        if shorter == name or not shorter:
            break
        name = shorter
    return name or UNKNOWN
