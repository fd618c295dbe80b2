"""The kinds of suggestion: what each claims of which calls (SQL), and how to try it safely."""

from manager_agent.analytics.savings.texts import filled, text

TRY = {
    "redundant_calls": "keep the answer where it is asked for again within minutes; count how often"
    " it is used before you rely on it",
    "response_cache": "cache answers by prompt for a day, for one agent first; leave out prompts"
    " whose answer depends on when it is asked",
    "retry_waste": "retry with a pause, and not at all what fails for its content; see"
    " `manager-agent alerts list` for what fails",
    "batch_pricing": "send one night's work through the provider's batch interface and compare the"
    " answers and when they come",
    "prompt_caching": "put what never changes first in the prompt, and mark it for the cache where"
    " the provider asks for that; then watch cache_read_tokens",
    "model_downgrade": "let a tenth of these calls go to the cheaper model for a week and compare"
    " the answers yourself: nothing here says that they are as good",
    "oversized_context": "leave out old turns and documents above the usual length, for one agent"
    " first, and compare the answers",
    "idle_premium": "let every tenth poll ask both models for a week and count where only one of"
    " them saw that something was to do; or ask none before a plain check in code says that"
    " something changed",
}
"""How to try each kind safely; the kinds in order of their names are `KINDS`."""
KINDS = tuple(sorted(TRY))


def claims(kinds: tuple[str, ...] = KINDS) -> str:
    """Return SQL of `kind, call_id, low, high`: what the kinds claim of the table `asked`."""
    each = [filled("claim", claims=text(f"kinds/{kind}"), kind=kind) for kind in kinds]
    return "\nUNION ALL\n".join(each)
