"""What calls of one kind mostly use, so that a limit that may be missed a little reserves less.

Two things are learned, each for one agent, model and kind of endpoint: how many tokens a byte of
its prompts makes, and how many tokens it generates. The prompt's own size is known before each
call, so a conversation that grows is bounded by what it has grown to, not by what it once was.
"""

from threading import Lock

from manager_agent.instrumentation.bound import Bound, Dearest
from manager_agent.instrumentation.call import Ask, Ended
from manager_agent.instrumentation.learned import ENOUGH, Learned

_MOST_KINDS = 512
_PER_BYTES = 1 << 16
"""Tokens are counted for so many bytes, so that a whole number tells a share closely enough."""
_PERCENT = 99
_UNKNOWN = 2**62

_RECKONED_FOR = 32
"""Calls after which it is reckoned anew what most of them stay below."""

_Kind = tuple[str, str, str | None, str]


class _Habit:
    """Of one kind: sizes learned, and what was last reckoned from them."""

    __slots__ = ("calls", "inputs", "outputs", "read", "written")

    def __init__(self) -> None:
        self.inputs, self.outputs = Learned(), Learned()
        self.calls = 0
        self.read = self.written = _UNKNOWN

    def _above(self, written: int, share: int | None) -> bool:
        return written > self.written or (share is not None and share > self.read)

    def add(self, written: int, share: int | None) -> None:
        """Take a call into account."""
        self.outputs.add(written)
        if share is not None:
            self.inputs.add(share)
        self.calls += 1
        if self.calls % _RECKONED_FOR == 0 or self._above(written, share) or self.calls == ENOUGH:
            self.written = self.outputs.at_most(_UNKNOWN, _PERCENT)
            self.read = self.inputs.at_most(_UNKNOWN, _PERCENT)


class Habits:
    """The habits of many kinds of calls; may be used from several threads."""

    def __init__(self) -> None:
        self._kinds: dict[_Kind, _Habit] = {}
        self._lock = Lock()
        self.any = False
        """Whether there is a kind of calls that anybody wants to know the habits of."""

    def after_fork(self) -> None:
        """Go on in a child with what its parent learned; the lock may be held there for ever."""
        self._lock = Lock()

    def usual(self, ask: Ask, worst: Bound, prices: Dearest | None) -> Bound:
        """Return what calls such as this stay below, or the worst while too few are known."""
        kind = _kind(ask)
        found = self._kinds.get(kind)
        if found is None:
            self._begin(kind)
            return worst
        read, written = worst.input_tokens, min(worst.output_tokens, found.written)
        size = _size(ask)
        if size and found.read is not _UNKNOWN:
            read = min(read, -(-found.read * size // _PER_BYTES))
        return _priced(worst, read, written, prices)

    def _begin(self, kind: _Kind) -> None:
        with self._lock:
            if len(self._kinds) >= _MOST_KINDS:
                self._kinds = {}
            self._kinds.setdefault(kind, _Habit())
            self.any = True

    def note(self, ended: Ended) -> None:
        """Learn from what the provider counted, of kinds that were asked about.

        An estimate teaches nothing.
        """
        habit = self._kinds.get(_kind(ended.ask))
        usage, told = ended.counted.usage, ended.counted
        if habit is None or usage is None or told.estimated or not told.complete:
            return
        read, written, size = usage.input_tokens, usage.output_tokens, _size(ended.ask)
        if read is None or written is None:
            return
        with self._lock:
            habit.add(written, read * _PER_BYTES // size if size else None)


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
