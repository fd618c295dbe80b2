"""A guard's spans carry a digest of the request's last turn: equal while a loop's requests grow."""

import json
from typing import cast

from opentelemetry.context import Context

from manager_agent.instrumentation.asked import Asked
from manager_agent.instrumentation.call import Ask
from manager_agent.instrumentation.endpoint import Endpoint
from manager_agent.instrumentation.identity import Identity


def ask(*results: str) -> Ask:
    """Return a request whose history holds a call of one tool for each result."""
    messages = [{"role": "user", "content": "find it"}]
    for result in results:
        messages += [
            {"role": "assistant", "content": "search"},
            {"role": "tool", "content": result},
        ]
    about = (cast(Endpoint, None), cast(Asked, None), cast(Identity, None), Context(), 0)
    return Ask("id", *about, json.dumps({"messages": messages}).encode())


def test_equal_turns_have_one_digest_and_others_another() -> None:
    few, many = ask("none", "none"), ask("none", "none", "none")

    assert few.body_digest != many.body_digest
    assert few.turn_digest == many.turn_digest is not None
    assert ask("none", "found").turn_digest != many.turn_digest
    assert ask().turn_digest is None


def test_it_outlives_the_body() -> None:
    held = ask("none")
    before = ask("none").turn_digest

    held.let_go()

    assert held.body is None
    assert held.turn_digest == before
