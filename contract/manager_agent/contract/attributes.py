"""Names of the span and resource attributes that our own agents write and our receiver reads."""

AGENT = "manager.agent.id"
"""Which agent made the call; on spans or on the resource. Wins over every other sign."""

CALL_ID = "manager.call.id"
"""Identity of one billable call, chosen by the guard inside the agent."""

GUARDED = "manager.guarded"
"""True where a guard has charged this call already, so that its span must not be charged again."""

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
