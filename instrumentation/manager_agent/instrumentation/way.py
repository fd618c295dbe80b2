"""What is the same for all calls of one agent to one model: worked out once, not for each of them.

Most calls are text alone, of one answer, to a model whose prices are known, under a hard limit and
with nobody to be asked. What such a call may cost at most is then a few multiplications away. All
others take the longer way through `Bounds` and `bound`, which say what is right; this only repeats
it. A way is thrown away as soon as what it was made of is no longer what holds.
"""

from manager_agent.contract.guard import Policy
from manager_agent.instrumentation.asked import Asked
from manager_agent.instrumentation.asking import asks
from manager_agent.instrumentation.bound import FRAMING_TOKENS, Bound
from manager_agent.instrumentation.priced_model import NS_PER_DAY, PricedModel
from manager_agent.instrumentation.wallet import Wallet

_ANY = 2**62
_PROVEN = 1000
"""Tokens of a thousand bytes, at most, of every tokenizer that goes by bytes."""
_bound = tuple.__new__
"""Makes a `Bound` in a third of the time: this is on the way of every call."""


class Way:
    """`made_of`: the models that bounds knew when it was made. `again_ns`: when prices are asked
    for anew, by the clock of wallets.

    It holds for calls that start from `from_ns` to `until_ns`, ns since 1970 UTC, and have at most
    `most_input` tokens of prompt: above them other prices begin.
    """

    __slots__ = (
        "_dear_input",
        "_dear_output",
        "_fixed",
        "_output",
        "_scale",
        "again_ns",
        "from_ns",
        "made_of",
        "most_input",
        "policy",
        "until_ns",
        "wallet",
    )

    def __init__(
        self, wallet: Wallet, policy: Policy, model: PricedModel, made_of: object, again_ns: int
    ) -> None:
        prices = model.prices[0]
        self.wallet, self.policy, self.made_of = wallet, policy, made_of
        self.from_ns = model.day * NS_PER_DAY
        self.until_ns = self.from_ns + NS_PER_DAY
        self.again_ns = again_ns
        self.most_input = prices.thresholds[0] if prices.thresholds else _ANY
        self._dear_input, self._dear_output = prices.bands[0]
        self._fixed, self._scale = prices.fixed, prices.scale
        self._output = model.ceilings.output_tokens

    def bound(self, asked: Asked) -> Bound | None:
        """Return what to reserve for a call, None where it takes a closer look."""
        size = asked.body_bytes
        if size is None or asked.media or asked.held_context or asked.choices > 1:
            return None
        read, written = size + FRAMING_TOKENS, asked.max_output_tokens
        if read > self.most_input:
            return None
        if written is None:
            written = self._output
        cost = self._fixed + read * self._dear_input + written * self._dear_output
        return _bound(Bound, (read, written, -(-cost // self._scale), True, None))


def way(
    wallet: Wallet, policy: Policy, model: PricedModel, made_of: object, again_ns: int
) -> Way | None:
    """Return the way of calls to a model; None where each of them takes a closer look."""
    if policy.enforcement not in ("hard", "unknown") or len(model.prices) != 1:
        return None
    if asks(policy):
        return None
    if model.ceilings.tokens_per_1000_bytes != _PROVEN:
        return None
    return Way(wallet, policy, model, made_of, again_ns)
