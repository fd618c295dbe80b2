"""What is the same for all calls of one agent to one model: worked out once, not for each of them.

Most calls are text alone, of one answer, to a model whose prices are known, under a hard limit and
with nobody to be asked. What such a call may cost at most is then a few multiplications away. All
others take the longer way through `Bounds` and `bound`, which say what is right; this only repeats
it. A way is thrown away as soon as what it was made of is no longer what holds.
"""

from manager_agent.contract.guard import Policy
from manager_agent.instrumentation.asking import asks
from manager_agent.instrumentation.bound import FRAMING_TOKENS, Fields
from manager_agent.instrumentation.call import Ask
from manager_agent.instrumentation.charge import Reservation
from manager_agent.instrumentation.priced_model import NS_PER_DAY, PricedModel
from manager_agent.instrumentation.wallet import Wallet

_ANY = 2**62
_PROVEN = 1000
"""Tokens of a thousand bytes, at most, of every tokenizer that goes by bytes."""


class Way:
    """The calls of `agent`, as long as its policy is `policy` and bounds know the same models.

    `made_of`: the models that they knew when it was made. It takes calls of its day (UTC) with at
    most `_most_input` tokens of prompt, above which other prices begin, until prices are asked for
    anew.
    """

    __slots__ = (
        "_again_ns",
        "_dear_input",
        "_dear_output",
        "_fixed",
        "_from_ns",
        "_most_input",
        "_output",
        "_scale",
        "_until_ns",
        "_wallet",
        "agent",
        "made_of",
        "policy",
    )

    def __init__(
        self, wallet: Wallet, policy: Policy, model: PricedModel, made_of: object, again_ns: int
    ) -> None:
        """`again_ns`: when prices are asked for anew, by the clock of wallets."""
        prices = model.prices[0]
        self._wallet, self.agent, self.policy, self.made_of = wallet, wallet.agent, policy, made_of
        self._from_ns = model.day * NS_PER_DAY
        self._until_ns = self._from_ns + NS_PER_DAY
        self._again_ns = again_ns
        self._most_input = prices.thresholds[0] if prices.thresholds else _ANY
        self._dear_input, self._dear_output = prices.bands[0]
        self._fixed, self._scale = prices.fixed, prices.scale
        self._output = model.ceilings.output_tokens

    def hold(self, ask: Ask, now_ns: int) -> tuple[Wallet, Reservation, Fields] | None:
        """Reserve what a call may cost at most; None where it takes a closer look, or more money.

        `now_ns`: by the clock of wallets.
        """
        asked = ask.asked
        size = asked.body_bytes
        if size is None or asked.media or asked.held_context or asked.choices > 1:
            return None
        read, written = size + FRAMING_TOKENS, asked.max_output_tokens
        if read > self._most_input or now_ns >= self._again_ns:
            return None
        if not self._from_ns <= ask.started_ns < self._until_ns:
            return None
        if written is None:
            written = self._output
        nano = self._fixed + read * self._dear_input + written * self._dear_output
        if self._scale != 1:
            nano = -(-nano // self._scale)
        wallet = self._wallet
        reservation = wallet.reserve(nano, read + written, now_ns)
        if reservation is None:
            return None
        return wallet, reservation, (read, written, nano, True, None)


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
