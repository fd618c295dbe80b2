"""What a circuit breaker is of: an agent, or a provider's model family."""

from typing import NamedTuple

_AGENT = "agent:"


class BreakerKey(NamedTuple):
    """Either `agent` is named, or `provider` and `family` are; the rest is empty."""

    agent: str = ""
    provider: str = ""
    family: str = ""

    @property
    def text(self) -> str:
        """Return the key as people write it: `research`, or `openai/gpt-4o`.

        An agent whose name has a slash, or could be mistaken otherwise, is `agent:its/name`.
        """
        if not self.agent:
            return f"{self.provider}/{self.family}"
        plain = "/" not in self.agent and not self.agent.startswith(_AGENT)
        return self.agent if plain else f"{_AGENT}{self.agent}"

    @property
    def words(self) -> str:
        """Return what it is of, for a sentence: `agent research`, or `openai's gpt-4o`."""
        return f"agent {self.agent}" if self.agent else f"{self.provider}'s {self.family}"


def breaker_key(text: str) -> BreakerKey:
    """Read a key as people write it. Raises `ValueError` that says how one looks."""
    text = text.strip()
    if text.startswith(_AGENT):
        agent = text.removeprefix(_AGENT).strip()
    elif "/" in text:
        provider, _, family = text.partition("/")
        if not provider or not family:
            raise ValueError(
                f"{text!r} is no breaker's key; write an agent's name, agent:NAME or"
                " PROVIDER/FAMILY such as openai/gpt-4o"
            )
        return BreakerKey(provider=provider, family=family)
    else:
        agent = text
    if not agent:
        raise ValueError(
            "a breaker's key is empty; write an agent's name, agent:NAME or PROVIDER/FAMILY"
            " such as openai/gpt-4o"
        )
    return BreakerKey(agent=agent)
