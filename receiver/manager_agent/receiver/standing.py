"""What stands published: versions of calls and tool calls, their claims, and when they are due.

Nearly every version rests on one claim that nothing else could be one call with. Such a one is kept
as a `Lone`: its row follows from the claim, and is made again in the rare case that somebody asks.
"""

from collections import deque
from collections.abc import Iterator

from manager_agent.receiver.call import Call, call_of_one, own_name
from manager_agent.receiver.changes import Changes
from manager_agent.receiver.claim import Claim, Key
from manager_agent.receiver.remembered import Due, Published
from manager_agent.receiver.tool import ToolCall, tool_call_of, tool_name

Lone = tuple[Claim, int, Due | None, int | None, str | None, str]
"""The claim a version was made of, its revision, when it is due (None: sealed), its cost and the
cost's source, its name."""


class Standing:
    """All versions of the window, by name: a call's id or a tool call's key."""

    def __init__(self) -> None:
        self._versions: dict[str, Published | Lone] = {}
        self._names: dict[str, dict[str, str]] = {}
        self._lone: dict[str, list[Lone]] = {}
        self._due: deque[Due] = deque()

    def __contains__(self, name: str) -> bool:
        return name in self._versions

    def versions(self) -> Iterator[Published]:
        """Yield every version."""
        for name in list(self._versions):
            version = self.get(name)
            if version is not None:
                yield version

    def get(self, name: str | None) -> Published | None:
        """Return the version of a name, None where there is none."""
        known = self._versions.get(name) if name is not None else None
        if not isinstance(known, tuple):
            return known
        assert name is not None, "only names have versions"
        claim, revision, due, *_ = known
        version = Published(_row(name, known), revision, due is None, (claim.key,), 0, due)
        self._versions[name] = version
        self.assign(claim.key, name)
        return version

    def name_of(self, claim: Claim) -> str | None:
        """Return the name of the version that a claim is part of."""
        trace_id, span_id = claim.key
        names = self._names.get(trace_id)
        given = names.get(span_id) if names else None
        return given or self._lone_name(claim)

    def _lone_name(self, claim: Claim) -> str | None:
        name = own_name(claim) if claim.fact.call is not None else tool_name(claim.key)
        known = self._versions.get(name)
        return name if isinstance(known, tuple) and known[0].key == claim.key else None

    def assigned(self, key: Key) -> str | None:
        """Return the name that a claim was assigned to; a lone one is never assigned."""
        names = self._names.get(key[0])
        return names.get(key[1]) if names else None

    def assign(self, key: Key, name: str) -> None:
        """Note that a claim is part of the version `name`."""
        self._names.setdefault(key[0], {})[key[1]] = name

    def release(self, key: Key) -> str | None:
        """Forget which version a claim is part of; return its name, None where it had none."""
        names = self._names.get(key[0])
        if names is None:
            return None
        name = names.pop(key[1], None)
        if not names:
            del self._names[key[0]]
        return name

    def put_lone(self, name: str, claim: Claim, revision: int, due: Due, row: Call | None) -> None:
        """Publish a version that rests on one claim; its name is the claim's own, and is free."""
        nano, source = row[-2:] if row is not None else (None, None)
        lone = self._versions[name] = claim, revision, due, nano, source, name
        due.names.append(name)
        due.left += 1
        trace_id = claim.key[0]
        others = self._lone.get(trace_id)
        if others is None:
            self._lone[trace_id] = [lone]
        else:
            others.append(lone)

    def put(self, name: str, version: Published) -> None:
        """Publish a version, in the place of one that was published before."""
        self._close(self._versions.get(name))
        self._versions[name] = version
        if not version.sealed:
            version.due = self.due(version.changed_ns)
            version.due.names.append(name)
            version.due.left += 1

    def due(self, at_ns: int) -> Due:
        """Return where versions wait that are published at a moment."""
        if not self._due or self._due[-1].at_ns != at_ns:
            self._due.append(Due(at_ns))
        return self._due[-1]

    def retract(self, name: str) -> Published:
        """Drop a version, and free its claims; return it."""
        version = self.get(name)
        assert version is not None, "only what was published is retracted"
        self._close(version)
        del self._versions[name]
        for key in version.keys:
            self.release(key)
        return version

    def seal_until(self, before_ns: int, changes: Changes) -> None:
        """Seal what nothing has changed since `before_ns`."""
        while self._due and (not self._due[0].left or self._due[0].at_ns <= before_ns):
            due = self._due[0]
            for name in due.names if due.left else ():
                known = self._versions.get(name)
                if known is not None and _due(known) is due:
                    self._seal(name, known, changes)
            self._due.popleft()

    def drop_trace(self, trace_id: str, changes: Changes) -> None:
        """Forget the versions of a trace each of which rests on one claim alone, sealed.

        They are found without a look at each claim: this runs for all that is ever taken in.
        """
        versions = self._versions
        newest = changes.newest_sealed
        for lone in self._lone.pop(trace_id, ()):
            claim, revision, due, _, _, name = lone
            known = versions.get(name)
            if known is not lone:  # sealed since, or of several claims, or gone
                if not isinstance(known, tuple) or known[0].key != claim.key:
                    continue
                due = known[2]
            del versions[name]
            if due is not None:
                due.left -= 1
                if not due.left:
                    due.names = []
                of_call = claim.fact.call is not None
                (changes.sealed_calls if of_call else changes.sealed_tools).append(name)
                newest = max(newest, revision)
        changes.newest_sealed = newest

    def drop_lone(self, claim: Claim, changes: Changes) -> bool:
        """Forget the version that rests on a claim alone, sealed; tell whether it has one."""
        name = self._lone_name(claim)
        if name is None:
            return False
        known = self._versions[name]
        if _due(known) is not None:
            self._seal(name, known, changes)
        del self._versions[name]
        return True

    def drop_claim(self, key: Key, changes: Changes) -> None:
        """Forget a claim; with the last one its version, sealed."""
        name = self.release(key)
        version = self.get(name)
        if name is None or version is None:
            return
        keys = version.keys
        version.keys = () if keys == (key,) else tuple(each for each in keys if each != key)
        if not version.keys:
            if version.due is not None:
                self._seal(name, version, changes)
            del self._versions[name]

    def linked(self, trace_id: str) -> bool:
        """Tell whether a trace has claims of versions that may not rest on them alone."""
        return trace_id in self._names

    def shares(self, trace_id: str) -> Iterator[str]:
        """Yield the traces that other claims of a trace's calls are in; some more than once."""
        for name in self._names.get(trace_id, {}).values():
            version = self.get(name)
            for other, _ in version.keys if version else ():
                yield other

    def _close(self, known: Published | Lone | None) -> None:
        due = _due(known) if known is not None else None
        if due is not None:
            due.left -= 1
            if not due.left:
                due.names = []

    def _seal(self, name: str, known: Published | Lone, changes: Changes) -> None:
        self._close(known)
        if isinstance(known, tuple):
            claim, revision, _, nano, source, _ = known
            of_call = claim.fact.call is not None
            self._versions[name] = claim, revision, None, nano, source, name
        else:
            revision, of_call = known.revision, isinstance(known.row, Call)
            known.sealed, known.due = True, None
        changes.seal(name, revision, of_call=of_call)


def _due(known: Published | Lone) -> Due | None:
    return known[2] if isinstance(known, tuple) else known.due


def _row(name: str, lone: Lone) -> Call | ToolCall:
    claim, _, _, nano, source, _ = lone
    if claim.fact.call is None:
        return tool_call_of(claim)
    return call_of_one(claim).costing(nano, source)
