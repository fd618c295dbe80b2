"""What each call reserves and what it settles at, by the rates that the manager told.

A model is asked for when its first call comes; until its rates are here that call has no bound.
Callers use this from any thread and never wait in it; the speaker's thread alone asks the manager.
"""

from collections.abc import Callable
from dataclasses import replace
from threading import Lock
from time import monotonic

from manager_agent.contract.day_rates import DayRates
from manager_agent.contract.guard import Policy
from manager_agent.instrumentation import known_rates
from manager_agent.instrumentation.asked import Asked
from manager_agent.instrumentation.bound import Bound, Fields, bound
from manager_agent.instrumentation.call import Ask, Ended
from manager_agent.instrumentation.close_look import most_tokens
from manager_agent.instrumentation.habits import Habits
from manager_agent.instrumentation.known_rates import KnownRates, Sold, sold_by
from manager_agent.instrumentation.plain import Plain, plain, plain_cost
from manager_agent.instrumentation.priced_model import PricedModel, compiled, names_of
from manager_agent.instrumentation.rate_client import Call, RateClient
from manager_agent.instrumentation.settling import settled
from manager_agent.instrumentation.told import Told
from manager_agent.instrumentation.wallet import Wallet
from manager_agent.instrumentation.way import Way, way

_NS_PER_SECOND = 10**9
_NS_PER_DAY = 86_400 * _NS_PER_SECOND
_AGAIN_SECONDS = 300.0
"""After which rates are asked for anew: a price may be given to a model that had none."""
_REST_SECONDS = 5.0
"""How long nobody is asked after nobody answered."""
_MOST_MODELS = 512
_BYTES_OF_TOKEN = 4
_MOST_TIERS = 8
_SAME_TIER = frozenset({None, "auto", "default", "standard", "standard_only", "on_demand"})
"""Tiers that cost what no tier costs."""

_HARD = ("hard", "unknown")
_Key = tuple[str, str | None, str | None, str]


class Bounds:
    """Knows what models cost, and what calls of one kind mostly use.

    `models`: as compiled from the rates that were told; another dictionary whenever more were.
    """

    def __init__(
        self, known: KnownRates | None = None, clock: Callable[[], float] = monotonic
    ) -> None:
        self._known = known_rates.shared() if known is None else known
        self._clock = clock
        self.models: dict[_Key, PricedModel] = {}
        self._wanted: dict[Sold, None] = {}
        self._served: dict[tuple[str, str | None], tuple[str, ...]] = {}
        self._not_before = 0.0
        self._plain: tuple[DayRates | None, Plain | None] = (None, None)
        self._habits = Habits()
        self._writing = Lock()

    def after_fork(self) -> None:
        """Go on in a child with what its parent learned; its locks may be held there for ever."""
        self._writing = Lock()
        self._habits.after_fork()

    def of(self, ask: Ask, policy: Policy) -> Bound | None:
        """Return what to reserve for a call; None until the manager told the rates of its model.

        A bound without an amount is of a model without a price that the policy refuses.
        """
        return self._of(ask, ask.asked, policy)

    def closely(self, ask: Ask, policy: Policy, found: Bound) -> Bound:
        """Return what to reserve for a call if `found` is too much, by a closer look at it.

        It takes as long as to read the request once more, so it is for calls that are stopped else.
        """
        asked = ask.asked
        if asked.media or asked.held_context or asked.body_bytes is None:
            return found
        most = most_tokens(ask.endpoint, ask.body)
        if most is None or most >= asked.body_bytes:
            return found
        closer = self._of(ask, replace(asked, body_bytes=most), policy)
        if closer is None or closer.nano is None or found.nano is None:
            return found
        return closer if closer.nano <= found.nano and closer.tokens < found.tokens else found

    def _of(self, ask: Ask, asked: Asked, policy: Policy) -> Bound | None:
        model = self._model(ask)
        if model is None:
            return None
        prices = model.dearest_at(ask.started_ns)
        hard = policy.enforcement in _HARD
        if hard and prices is not None:
            return bound(asked, model.ceilings, prices)
        assumed = None
        if prices is None and not model.self_hosted and policy.unpriced == "ceiling":
            assumed = policy.ceiling_nano_per_mtok or None
        found = bound(asked, model.ceilings, prices, assumed)
        nano = found.nano
        if nano is None and (model.self_hosted or policy.unpriced == "allow"):
            nano = 0
        found = Bound(found.input_tokens, found.output_tokens, nano, hard, assumed)
        return found if hard else self._habits.usual(ask, found, prices)

    def least(self, ask: Ask, found: Bound) -> int:
        """Return about what the prompt of a call costs alone, nano-USD; 0 where nobody knows.

        A token of text is about four bytes, of which its bound counts each.
        """
        endpoint, asked = ask.endpoint, ask.asked
        key = (endpoint.provider, asked.model or endpoint.model, asked.tier, endpoint.kind)
        model = self.models.get(key)
        prices = None if model is None else model.dearest_at(ask.started_ns)
        return 0 if prices is None else prices.cost(found.input_tokens // _BYTES_OF_TOKEN, 0)

    def _model(self, ask: Ask) -> PricedModel | None:
        endpoint, asked = ask.endpoint, ask.asked
        key = (endpoint.provider, asked.model or endpoint.model, asked.tier, endpoint.kind)
        model = self.models.get(key)
        if (
            model is None
            or model.day != ask.started_ns // _NS_PER_DAY
            or self._clock() >= model.again
        ):
            return self._looked_up(key, ask.started_ns, model)
        return model

    def way(self, ask: Ask, wallet: Wallet, policy: Policy, now_ns: int) -> Way | None:
        """Return what is the same for all calls such as this; None: each takes a closer look.

        `now_ns`: by the clock of wallets.
        """
        models, model = self.models, self._model(ask)
        if model is None:
            return None
        left_ns = int((model.again - self._clock()) * _NS_PER_SECOND)
        return way(wallet, policy, model, models, now_ns + left_ns)

    def wanted(self) -> bool:
        """Tell whether there is something to ask the manager for, now."""
        return bool(self._wanted) and self._clock() >= self._not_before

    def learn(self, call: Call) -> None:
        """Ask the manager, which `call` reaches, for what is wanted; for the speaker's thread."""
        wanted = list(self._wanted)
        if not wanted:
            return
        if not RateClient(call, self._clock, self._known).ask(wanted):
            self._not_before = self._clock() + _REST_SECONDS
            return
        for sold in wanted:
            self._wanted.pop(sold, None)
        self.models = {}  # compiled anew from what is known now

    def spent(self, ended: Ended, told: Told, held: Fields) -> tuple[int, int, bool]:
        """Return nano-USD and tokens to settle a call at, and whether they are estimated.

        `told`: what its answer counts; `held`: what was reserved for it. And learn from it, as
        `ended` does.
        """
        tier = told.tier
        if self._habits.any or (tier is not None and tier not in _SAME_TIER):
            self.ended(ended)
        rates = self._known.of(ended.ask, told)
        if rates is not None and ended.status == 200:
            known, prices = self._plain
            if known is not rates:
                prices = plain(rates)
                self._plain = rates, prices
            found = plain_cost(told, prices)
            return found or settled(ended, Bound._make(held), rates, rates)
        bound = Bound._make(held)
        sold = sold_by(ended)
        if rates is None and told.usage is not None:
            self._want(sold)  # its exact model or tier is known only now
        asked_for = self._known.get(sold._replace(models=(None, sold.models[1]), tier=None))
        return settled(ended, bound, rates, asked_for)

    def ended(self, ended: Ended) -> None:
        """Learn from a call that has ended: how much its kind uses, and which tier served it."""
        tier = ended.counted.tier
        if tier is not None and tier not in _SAME_TIER and tier != ended.ask.asked.tier:
            self._note_tier(ended, tier)
        if self._habits.any:
            self._habits.note(ended)

    def _looked_up(self, key: _Key, started_ns: int, old: PricedModel | None) -> PricedModel | None:
        """Return a model by what is known now: by yesterday's rates until today's are here."""
        provider, name, tier, kind = key
        day = known_rates.day_of(started_ns)
        tiers = dict.fromkeys((None, *self._served.get((provider, name), ())))
        if tier not in _SAME_TIER:
            tiers[tier] = None
        sold = [Sold(provider, names_of(name), each, day) for each in tiers]
        found = [self._known.get(each) for each in sold]
        known = [rates for rates in found if rates is not None]
        if old is not None and (len(known) < len(sold) or self._clock() >= old.again):
            for each in sold:
                self._want(each)
        if len(known) < len(sold):
            for each in self._known.lacking(sold):
                self._want(each)
            return old
        made = compiled(known, kind, started_ns // _NS_PER_DAY, self._clock() + _AGAIN_SECONDS)
        with self._writing:
            if len(self.models) >= _MOST_MODELS:
                self.models = {}
            self.models[key] = made
        return made

    def _want(self, sold: Sold) -> None:
        if len(self._wanted) < _MOST_MODELS:
            self._wanted[sold] = None

    def _note_tier(self, ended: Ended, tier: str | None) -> None:
        """Reserve from now on what a tier costs that was served without being asked for."""
        place = (ended.ask.endpoint.provider, ended.ask.asked.model or ended.ask.endpoint.model)
        seen = self._served.get(place, ())
        if tier is None or tier in seen or len(seen) >= _MOST_TIERS:
            return
        with self._writing:
            if len(self._served) >= _MOST_MODELS:
                self._served = {}
            self._served[place] = (*seen, tier)
            self.models = {}
