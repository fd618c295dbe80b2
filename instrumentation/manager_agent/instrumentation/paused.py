"""What people have paused, and whether a call is meant: its agent, conversation, trace or span."""

from collections.abc import Iterator

from opentelemetry import baggage
from opentelemetry.trace import get_current_span

from manager_agent.contract.decision import Refuse
from manager_agent.contract.guard import Pause, Pauses
from manager_agent.instrumentation import identity
from manager_agent.instrumentation.call import Ask

_CONVERSATION = "gen_ai.conversation.id"
_RESUME = {
    "agent": "manager-agent resume {}",
    "fleet": "manager-agent resume --fleet",
    "conversation": "manager-agent resume --conversation {}",
    "trace": "manager-agent resume --trace {}",
}


class Paused:
    """What the manager said last. `any`: whether there is something; all that most calls read."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.any = False
        self._revision = 0
        self._by_scope: dict[str, dict[str, Pause]] = {}

    def take(self, said: Pauses) -> None:
        """Let what is said hold from now on; an older message changes nothing."""
        if said.revision < self._revision:
            return
        self._revision = said.revision
        found: dict[str, dict[str, Pause]] = {}
        for pause in said.pauses:
            found.setdefault(pause.scope, {})[pause.name] = pause
        self._by_scope = found
        self.any = bool(found)

    def forget(self) -> None:
        """Take whatever another manager, or a restarted one, says next; until then this holds."""
        self._revision = 0

    def refusal(self, ask: Ask) -> Refuse | None:
        """Return why a call must not go out, None where nothing keeps it."""
        by_scope = self._by_scope
        for scope, names in by_scope.items():
            for name in _names(ask, scope):
                if name in names:
                    return _worded(names[name])
        return None


def _names(ask: Ask, scope: str) -> Iterator[str]:
    """Yield what a call goes by in a scope."""
    if scope == "fleet":
        yield ""
    elif scope == "agent":
        yield ask.identity.agent
    elif scope == "conversation":
        named = (
            ask.identity.conversation_id,
            ask.asked.conversation_id,
            baggage.get_baggage(_CONVERSATION, ask.context),
        )
        yield from (str(name) for name in named if name)
    elif scope == "trace":
        span = get_current_span(ask.context)
        context = span.get_span_context()
        if context.is_valid:
            yield f"{context.trace_id:032x}"
            yield from identity.lineage(span)


def _worded(pause: Pause) -> Refuse:
    subject = "The fleet" if pause.scope == "fleet" else f"{pause.scope.title()} {pause.name}"
    by = f" by {pause.by}" if pause.by else ""
    why = f": {pause.reason}" if pause.reason else ""
    command = _RESUME.get(pause.scope, "manager-agent resume").format(pause.name)
    return Refuse("paused", f"{subject} is paused{by}{why}", f"Let it go on by `{command}`.")
