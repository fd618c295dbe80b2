"""The control service: what agents ask their manager over gRPC. Bodies are JSON."""

RATES_METHOD = "/manager_agent.control.v1.Control/Rates"
"""`{"models": [{"provider", "models", "tier", "day"}]}` -> `{"rates": [DayRates as JSON],
"digest_key": hex}`. The key is for `manager.prompt.digest`: the same for all agents of a manager,
and not the one that the manager itself makes digests with."""

MOST_REQUEST_BYTES = 64 * 1024
MOST_MODELS = 64
"""Asked for at once."""
MOST_NAMES = 4
"""Names of one model, to be tried in order."""
LONGEST_NAME = 256
"""Characters of a name of a model, provider or tier."""
