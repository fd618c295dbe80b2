"""What calls of one kind mostly use, so that a limit that may be missed a little reserves less.

Two things are learned, each for one agent, model and kind of endpoint: how many tokens a byte of
its prompts makes, and how many tokens it generates. The prompt's own size is known before each
call, so a conversation that grows is bounded by what it has grown to, not by what it once was.
"""

from threading import Lock

from manager_agent.instrumentation.bound import Bound, Dearest
from manager_agent.instrumentation.call import Ask, Ended
from manager_agent.instrumentation.learned import Learned

_MOST_KINDS = 512
_PER_BYTES = 1 << 16
"""Tokens are counted for so many bytes, so that a whole number tells a share closely enough."""
_PERCENT = 99

_Kind = tuple[str, str, str | None, str]


class Habits:
    """The habits of many kinds of calls; may be used from several threads."""

    def __init__(self) -> None:
        self._kinds: dict[_Kind, tuple[Learned, Learned]] = {}
        self._lock = Lock()

    def after_fork(self) -> None:
        """Go on in a child with what its parent learned; the lock may be held there for ever."""
        self._lock = Lock()

    def usual(self, ask: Ask, worst: Bound, prices: Dearest | None) -> Bound:
        """Return what calls such as this stay below, or the worst while too few are known."""
        with self._lock:
            found = self._kinds.get(_kind(ask))
            if found is None:
                return worst
            read, written = worst.input_tokens, found[1].at_most(worst.output_tokens, _PERCENT)
            size = _size(ask)
            if size:
                share = found[0].at_most(_PER_BYTES * read // size, _PERCENT)
                read = min(read, -(-share * size // _PER_BYTES))
        return _priced(worst, read, written, prices)

    def note(self, ended: Ended) -> None:
        """Learn from what the provider counted; an estimate teaches nothing."""
        usage, told = ended.told.usage, ended.told
        if usage is None or told.estimated or not told.complete:
            return
        read, written, size = usage.input_tokens, usage.output_tokens, _size(ended.ask)
        if read is None or written is None:
            return
        kind = _kind(ended.ask)
        with self._lock:
            if len(self._kinds) >= _MOST_KINDS and kind not in self._kinds:
                self._kinds = {}
            inputs, outputs = self._kinds.setdefault(kind, (Learned(), Learned()))
            outputs.add(written)
            if size:
                inputs.add(read * _PER_BYTES // size)


def _priced(worst: Bound, read: int, written: int, prices: Dearest | None) -> Bound:
    nano, assumed = worst.nano, worst.assumed_nano_per_mtok
    if prices is not None:
        nano = prices.cost(read, written)
    elif assumed is not None:
        nano = -(-(read + written) * assumed // 1_000_000)
    return worst._replace(input_tokens=read, output_tokens=written, nano=nano)


def _kind(ask: Ask) -> _Kind:
    endpoint = ask.endpoint
    return ask.identity.agent, endpoint.provider, ask.asked.model or endpoint.model, endpoint.kind


def _size(ask: Ask) -> int:
    """Return the bytes of a prompt that its tokens are learned by; 0: they say little of them."""
    asked = ask.asked
    if asked.held_context or asked.media:
        return 0
    return asked.body_bytes or asked.text_bytes or 0
