"""Names of the span and resource attributes that our own agents write and our receiver reads."""

AGENT = "manager.agent.id"
"""Which agent made the call; on spans, on the resource, and in W3C baggage, by which it reaches the
services that an agent calls. Wins over every other sign."""

CALL_ID = "manager.call.id"
"""Identity of one billable call, chosen by the guard inside the agent."""

GUARDED = "manager.guarded"
"""True where a guard has charged this call already, so that its span must not be charged again."""

HOLDER = "manager.holder"
USD_LEASE = "manager.lease.usd"
TOKEN_LEASE = "manager.lease.tokens"
RESERVED_NANO = "manager.reserved_nano_usd"
SETTLED_NANO = "manager.settled_nano_usd"
"""To which leases of which holder a guard charged the call, and what it reserved and settled there
(nano-USD). Without a lease of a unit, the span itself is charged in that unit."""

COST_AMOUNT = "gen_ai.usage.cost.amount"
COST_CURRENCY = "gen_ai.usage.cost.currency"
COST_SOURCE = "gen_ai.usage.cost.source"
"""Cost as proposed to the GenAI semantic conventions (pull request 443): amount as a double,
currency in ISO 4217, source `provider` or `local`."""

BY_HAND = "manager.by_hand"
"""Instrumentation scope of calls that were recorded by hand, and cost source of a cost that came
with them: it is taken as said, 0 included."""

PROMPT_DIGEST = "manager.prompt.digest"
"""Keyed digest of a prompt, made where the prompt is known; the prompt itself never travels."""

TURN_DIGEST = "manager.turn.digest"
"""The same of what the request adds to the one before it (`contract/turn.py`)."""

MODEL_ASKED = "manager.request.model_asked"
"""The model that a caller asked for, where people had a cheaper one run in its place."""

USAGE_ESTIMATED = "manager.usage.estimated"
"""True where the tokens are the meter's estimate, since the answer brought no count."""

TIER = "gen_ai.response.service_tier"
OPENAI_TIER = "openai.response.service_tier"
ANTHROPIC_TIER = "anthropic.response.service_tier"
"""The service tier that served a call, which its price depends on; by provider where the
conventions name it."""

WRITES_1H = "anthropic.usage.cache_creation.ephemeral_1h_input_tokens"
"""Those of the cache writes that are kept, and paid, for an hour."""

DECISION = "manager.decision"
DECISION_REASON = "manager.decision.reason"
LIMIT_NAME = "manager.limit.name"
LIMIT_USD = "manager.limit.usd"
SPENT_USD = "manager.limit.spent_usd"
RESERVED_USD = "manager.limit.reserved_usd"
"""What a gate decided of a call that then never left: `refuse`, why, and the limit in its way; sums
are decimal text, exact."""

REFUSED_SPAN = "manager.refused"
"""Name of the span that tells of a refused call. It has no operation, so that it claims no call."""
