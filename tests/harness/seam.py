"""The seam as tests see it: a policy that keeps what it was asked and told."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import ModuleType

import pytest

from manager_agent.contract.decision import Allow, Decision, Hold, Refuse, Wait
from manager_agent.instrumentation import gate, hosts, mishap, spans
from manager_agent.instrumentation.call import Ask, Ended

ALLOW, APPROVED = Allow("no_policy"), Allow("approved")


@dataclass
class Recorder:
    """Decides as `decision` says, keeps `asks` and `settled`, and what spans were told."""

    decision: Decision | Callable[[Ask], Decision] = ALLOW
    answer: Allow | Refuse = APPROVED
    asks: list[Ask] = field(default_factory=list)
    settled: list[Ended] = field(default_factory=list)
    emitted: list[Ended] = field(default_factory=list)
    refused: list[tuple[Ask, Refuse]] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def decide(self, ask: Ask) -> Decision:
        self.asks.append(ask)
        return self.decision(ask) if callable(self.decision) else self.decision

    def wait(self, ask: Ask, hold: Hold | Wait) -> Allow | Refuse:
        return self.answer

    async def wait_async(self, ask: Ask, hold: Hold | Wait) -> Allow | Refuse:
        return self.answer

    def settle(self, ended: Ended) -> None:
        with self.changed:
            self.settled.append(ended)
            self.changed.notify_all()

    def one(self) -> Ended:
        """Return the only call there was; whatever ends later would be a second one."""
        with self.changed:
            assert self.changed.wait_for(lambda: self.settled, 10), "no call was settled"
        assert len(self.settled) == 1, self.settled
        assert self.emitted == self.settled
        return self.settled[0]


REFUSE = Refuse(
    "over_budget",
    "Agent research has spent its budget of the day.",
    "Raise the limit with `manager-agent budget set`, or wait.",
    limit_name="daily_limit_usd of agent research",
)


_SENDERS = (
    ("Client", "send"),
    ("AsyncClient", "send"),
    ("Session", "send"),
    ("ClientSession", "_request"),
    ("URLLib3Session", "send"),
)
Patched = tuple[Callable[[ModuleType], None], ModuleType]


@contextmanager
def seam(monkeypatch: pytest.MonkeyPatch, entries: str, *patched: Patched) -> Iterator[Recorder]:
    """Patch these modules; let a recorder decide; meter the hosts of `MANAGER_LLM_HOSTS`."""
    recorder = Recorder()
    for patch, module in patched:
        for owner, method in _SENDERS:
            if hasattr(module, owner):
                unpatched = getattr(getattr(module, owner), method)
                monkeypatch.setattr(getattr(module, owner), method, unpatched)  # to be undone
        patch(module)
    monkeypatch.setattr(spans, "emit", recorder.emitted.append)
    monkeypatch.setattr(spans, "refused", lambda *said: recorder.refused.append(said))
    hosts.load({"MANAGER_LLM_HOSTS": entries})
    mishap.forget()
    gate.use(recorder)
    try:
        yield recorder
        assert not {kind for kind in mishap.counts() if not kind.startswith("unmetered")}
    finally:
        gate.use(None)
        hosts.load({})
        mishap.forget()
