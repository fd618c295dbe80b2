"""Which column of an export says what: the names that tools use, and what the user says."""

import re
from collections.abc import Mapping, Sequence

NAMES = {
    "ts": "timestamp ts time datetime starttime createdat requestcreatedat usagedateutc"
    " starttimeiso date",
    "end_ts": "endtime endedat completedat requestcompletedat",
    "duration_ms": "durationms latencyms delayms responsetimems",
    "request_id": "requestid callid observationid generationid id",
    "agent": "agent agentname agentid tracename keyalias apikeyalias application",
    "provider": "provider customllmprovider system genaisystem",
    "request_model": "requestmodel model modelname modelid modelversion providedmodelname"
    " modelgroup",
    "response_model": "responsemodel",
    "operation": "operation calltype",
    "input_tokens": "inputtokens prompttokens contexttokens usageinput inputusage tokensinput"
    " ncontexttokenstotal",
    "uncached_input_tokens": "usageinputtokensnocache uncachedinputtokens",
    "output_tokens": "outputtokens completiontokens generatedtokens usageoutput outputusage"
    " tokensoutput ngeneratedtokenstotal usageoutputtokens",
    "cache_read_tokens": "cachereadtokens cachereadinputtokens cachedtokens inputcachedtokens"
    " promptcachereadtokens usageinputtokenscacheread",
    "cache_write_tokens": "cachewritetokens cachecreationinputtokens promptcachewritetokens"
    " usageinputtokenscachewrite5m",
    "cache_write_1h_tokens": "cachewrite1htokens usageinputtokenscachewrite1h",
    "reasoning_tokens": "reasoningtokens completionreasoningtokens",
    "cost_usd": "costusd cost totalcost spend totalcostusd calculatedtotalcost",
    "status": "status level",
    "http_status": "httpstatus statuscode",
    "error_type": "errortype",
    "conversation_id": "conversationid sessionid threadid",
    "user_id": "userid enduser user",
    "trace_id": "traceid",
    "response_id": "responseid",
    "environment": "environment",
    "service_tier": "servicetier",
}
"""Field -> names of columns, in lower case without punctuation, the best first.

From exports of Langfuse, LiteLLM's spend logs, Helicone, the usage pages of OpenAI and Anthropic,
and the traces that Azure published.
"""

SUMMED = {"nummodelrequests", "nrequests", "ntotalrequests", "requestcount"}
"""Columns of files whose rows each sum up several requests."""

FIELDS = tuple(NAMES)
_NEEDED = ("input_tokens", "output_tokens", "uncached_input_tokens", "cost_usd")


class MappingError(Exception):
    """The columns do not say enough, or `--map` names what is not there."""


def mapped(header: Sequence[str], given: Mapping[str, str]) -> dict[str, int]:
    """Return field -> position of its column. `given`: field -> name of the column.

    Raises `MappingError`.
    """
    places = {plain(name): place for place, name in reversed(list(enumerate(header)))}
    found: dict[str, int] = {}
    for field, name in given.items():
        if field not in NAMES:
            raise MappingError(f"--map {field}=...: no such field; known: {', '.join(FIELDS)}")
        if name not in header:
            raise MappingError(
                f"--map {field}={name}: no such column; the file has {', '.join(header)}"
            )
        found[field] = header.index(name)
    for field, names in NAMES.items():
        if field not in found:
            place = next((places[name] for name in names.split() if name in places), None)
            if place is not None and place not in found.values():
                found[field] = place
    _refuse_too_little(found, header)
    return found


def plain(name: str) -> str:
    """Return the name of a column in lower case, without spaces and punctuation."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _refuse_too_little(found: Mapping[str, int], header: Sequence[str]) -> None:
    there = ", ".join(header)
    if "ts" not in found:
        raise MappingError(f"no column with the time among {there}; name it: --map ts=COLUMN")
    if not any(name in found for name in _NEEDED):
        raise MappingError(
            f"no column with tokens or cost among {there}; name them:"
            " --map input_tokens=COLUMN,output_tokens=COLUMN"
        )
