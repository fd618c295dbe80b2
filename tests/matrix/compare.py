"""What is wrong with a cell of the matrix: pure, one sentence for each difference."""

from collections.abc import Iterator

from tests.matrix.cells import BROKEN, KINDS, UNKNOWABLE, Attempt, Cell

CHARS_PER_TOKEN = 4
REFUSAL = "The matrix refuses this call"
"""What the policy says, and so the exception of a refused agent."""


def differences(cell: Cell) -> list[str]:
    """Return what differs between the agent's, the provider's and the manager's account."""
    if cell.saw.mode == BROKEN:
        return [f"the process broke: {cell.saw.exception}: {cell.saw.message}"]
    found = [*_counts(cell), *_seen(cell)]
    if cell.outcome == "refused":
        return [*found, *_refused(cell)]
    for number, (served, counted) in enumerate(zip(cell.served, cell.counted, strict=False), 1):
        told = list(_attempt(served, counted, cell.saw.mode in UNKNOWABLE))
        found += [f"attempt {number}: {what}" for what in told]
    return found


def _counts(cell: Cell) -> Iterator[str]:
    wire, rows = len(cell.served), len(cell.counted)
    if wire != rows:
        yield f"{wire} calls on the wire, {rows} rows in llm_calls"
    if not wire <= cell.told <= wire * (1 + cell.emitters):
        yield f"{wire} calls on the wire, {cell.told} spans of calls"
    refused = int(cell.outcome == "refused")
    if cell.decisions != refused:
        yield f"{cell.decisions} refusals in decisions, wanted {refused}"


def _seen(cell: Cell) -> Iterator[str]:
    fails = cell.outcome in ("refused", "always 500")
    if fails and cell.saw.exception is None:
        yield "the agent saw no exception"
    if cell.outcome == "allowed" and cell.saw.exception is not None:
        yield f"the agent saw {cell.saw.exception}: {cell.saw.message}"
    if cell.saw.exception is None and cell.saw.chars != _chars(cell):
        yield f"the agent read {cell.saw.chars} characters of {_chars(cell)} that were sent"


def _chars(cell: Cell) -> int:
    """Return how many characters the answers had, by the provider's count of tokens."""
    used = [served.tokens for served in cell.served if served.tokens and not served.failed]
    said = sum((t["output_tokens"] or 0) - (t["reasoning_tokens"] or 0) for t in used)
    return said * CHARS_PER_TOKEN


def _refused(cell: Cell) -> Iterator[str]:
    if cell.served:
        yield f"{len(cell.served)} refused calls were on the wire"
    root = (cell.saw.exception or "").partition(".")[0]
    if cell.saw.exception is not None and root not in cell.own:
        yield f"{cell.saw.exception} is no exception of {', '.join(cell.own)}"
    if REFUSAL not in (cell.saw.message or ""):
        yield f"the exception does not say why: {cell.saw.message}"


def _attempt(served: Attempt, counted: Attempt, unknowable: bool) -> Iterator[str]:
    if served.http_status != counted.http_status:
        yield f"HTTP {served.http_status} was answered, {counted.http_status} is in llm_calls"
    if unknowable and not served.failed:
        if counted.source != "estimated":
            yield f"cost_source is {counted.source}, wanted estimated"
        return
    for kind in KINDS:
        true = served.tokens and served.tokens[kind]
        ours = counted.tokens and counted.tokens[kind]
        # What an API does not speak of is NULL; the provider knows that there was none.
        if true != ours and not (ours is None and not true):
            yield f"{kind}: {true} served, {ours} counted"
    if served.cost_nano != counted.cost_nano:
        yield f"cost in nano-USD: {served.cost_nano} by the price book, {counted.cost_nano} counted"
