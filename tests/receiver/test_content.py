"""Content stops at the door; digests and harmless attributes go on."""

import json

import pytest

from manager_agent.receiver.content import Door, harmless_message

DOOR = Door(b"k" * 32)
SECRET = "the quick brown prompt"


@pytest.mark.parametrize(
    "key",
    [
        "gen_ai.input.messages",
        "gen_ai.prompt.0.content",
        "llm.input_messages.0.message.content",
        "input.value",
        "ai.prompt.messages",
        "traceloop.entity.input",
        "langfuse.observation.input",
        "mlflow.spanInputs",
        "some.emitter.nobody.has.seen",
        "metadata",
        "",
    ],
)
def test_text_under_unknown_keys_stays_outside(key: str) -> None:
    assert SECRET not in DOOR.kept(
        {key: SECRET, f"{key}.list": [SECRET], f"{key}.map": {"a": SECRET}}
    )


def test_known_text_and_all_numbers_go_on() -> None:
    kept = json.loads(
        DOOR.kept(
            {"gen_ai.request.model": "m", "my.latency": 1.5, "my.flag": True, "n": float("nan")}
        )
    )

    assert kept == {"gen_ai.request.model": "m", "my.latency": 1.5, "my.flag": True}


def test_users_may_keep_more_and_may_keep_everything() -> None:
    assert "gold" in Door(b"k" * 32, keep=["customer.tier"]).kept({"customer.tier": "gold"})
    assert SECRET in Door(b"k" * 32, capture=True).kept({"input.value": SECRET})


def test_digests_are_equal_for_equal_prompts_under_one_key_only() -> None:
    prompt = {"gen_ai.input.messages": SECRET}

    assert DOOR.prompt_digest(prompt) == DOOR.prompt_digest(dict(prompt))
    assert DOOR.prompt_digest(prompt) != Door(b"j" * 32).prompt_digest(prompt)
    assert DOOR.prompt_digest({"gen_ai.input.messages": "x"}) != DOOR.prompt_digest(prompt)
    assert DOOR.prompt_digest({}) is None


def test_a_prompt_spread_over_keys_has_one_digest_in_any_order() -> None:
    one = {"gen_ai.prompt.0.role": "user", "gen_ai.prompt.0.content": SECRET}

    assert DOOR.prompt_digest(one) == DOOR.prompt_digest(dict(reversed(one.items())))


@pytest.mark.parametrize(
    ("message", "gone"),
    [
        pytest.param("bad key sk-abcdef1234567890", "abcdef1234567890", id="OpenAI key"),
        pytest.param("Authorization: Bearer abc.def.ghi", "abc.def.ghi", id="bearer"),
        pytest.param("api_key='hunter2hunter2'", "hunter2hunter2", id="named"),
        pytest.param("first line\nTraceback: my prompt", "prompt", id="all but the first line"),
    ],
)
def test_secrets_in_error_messages_are_masked(message: str, gone: str) -> None:
    harmless = harmless_message(message)

    assert harmless is not None
    assert gone not in harmless


def test_a_message_stays_readable() -> None:
    assert harmless_message("Error code: 429 - slow down") == "Error code: 429 - slow down"
    assert harmless_message("") is None
    assert len(harmless_message("x" * 10_000) or "") == 300


def flattened(*results: str) -> dict[str, str]:
    """Return a prompt of turns as OpenInference spreads it over keys."""
    said = [("user", "find it")]
    for result in results:
        said += [("assistant", "search()"), ("tool", result)]
    return {
        f"llm.input_messages.{n}.message.{key}": value
        for n, (role, content) in enumerate(said)
        for key, value in (("role", role), ("content", content))
    }


def test_the_last_turn_has_one_digest_however_long_the_prompt_has_grown() -> None:
    """Ten messages and more, so that their numbers do not sort as text."""
    same, longer = flattened(*["nothing"] * 4), flattened(*["nothing"] * 7)

    assert DOOR.turn_digest(same) == DOOR.turn_digest(longer) is not None
    assert DOOR.turn_digest(flattened(*["nothing"] * 6, "found")) != DOOR.turn_digest(longer)
    assert DOOR.turn_digest(flattened()) is None
    assert DOOR.turn_digest({}) is None


def test_messages_told_whole_have_a_last_turn_too() -> None:
    def told(times: int) -> dict[str, str]:
        turns = ', {"role": "assistant", "content": "a"}, {"role": "user", "content": "b"}'
        return {"gen_ai.input.messages": '[{"role": "user", "content": "q"}' + turns * times + "]"}

    assert DOOR.turn_digest(told(2)) == DOOR.turn_digest(told(5)) is not None
