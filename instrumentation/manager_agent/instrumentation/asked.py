"""What a request asks for, read from its body before it leaves."""

from dataclasses import dataclass


@dataclass(slots=True)
class Asked:
    """The facts of one request that metering and budgets need; None where it does not say.

    `wants_usage`: a stream of this request ends with usage. `max_output_tokens`: most that may be
    generated for one of `choices` answers, reasoning included. `tier`: the service tier asked for.
    `body_bytes`: size of the body, which bounds its tokens; None where it cannot be known without
    consuming it. `text_bytes`: UTF-8 bytes of what is prompt in it; None, too, where only a glance
    was taken and there is nothing but text. `media`: images, audio and
    files in it, whose tokens the size does not tell. `held_context`: the provider adds what it
    holds (an earlier answer, a cache) or finds (searches), so that no size bounds the tokens.
    """

    model: str | None = None
    streaming: bool = False
    wants_usage: bool = True
    max_output_tokens: int | None = None
    choices: int = 1
    tier: str | None = None
    body_bytes: int | None = None
    text_bytes: int | None = None
    media: int = 0
    held_context: bool = False
    # Not frozen, for that costs a microsecond on the way of every call; nobody changes one.
    conversation_id: str | None = None
    user_id: str | None = None
