"""Nothing that looks like a key leaves in a message, wherever it stood."""

import json
from datetime import UTC, datetime

import pytest

from manager_agent.delivery.console import draw
from manager_agent.delivery.plain import text
from manager_agent.delivery.redact import masked
from manager_agent.delivery.samples import samples
from manager_agent.delivery.slack.blocks import blocks, fallback
from manager_agent.delivery.wording import card
from manager_agent.rules.message import Message, Section

NOW = datetime(2026, 11, 23, 14, 41, 7, tzinfo=UTC)
BODY = "Zq7Rk2Lm9Xw4Tb8Vn3Pc6Yd1"
"""The part of each secret that nobody may read."""

# Put together here, so that no scanner takes this file for a leak.
SECRETS = {
    "openai": f"sk-proj-{BODY}",
    "anthropic": f"sk-ant-api03-{BODY}",
    "slack bot": f"xoxb-1234567890-{BODY}",
    "slack app": f"xapp-1-A0-{BODY}",
    "aws": f"AKIA{BODY.upper()}",
    "google": f"AIza{BODY}",
    "github": f"ghp_{BODY}",
    "hugging face": f"hf_{BODY}",
    "bearer": f"Authorization: Bearer {BODY}",
    "named": f'{{"api_key": "{BODY}"}}',
    "in a url": f"https://ann:{BODY}@proxy.example/x",
    "json web token": f"eyJhbGciOiJIUzI1NiJ9.{BODY}.{BODY}",
    "a webhook": f"https://hooks.slack.com/services/T0/B0/{BODY}",
    "hidden in colours": f"sk-\x1b[31m{BODY}",
}


def drawn(message: Message) -> str:
    shown = card(message)
    payload = [block.to_dict() for block in blocks(shown)]
    return "\n".join([text(message), draw(shown), fallback(shown), json.dumps(payload)])


@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS)
def test_a_secret_is_masked_wherever_it_stands(secret: str) -> None:
    section = Section(secret, f"x\n{secret}", ("a", secret), ((secret, f"b {secret}"),))
    message = Message(
        f"k{secret}",
        "a1",
        "error_issue",
        "firing",
        "warning",
        f"agent {secret}",
        f"a call failed: Incorrect API key provided: {secret}.",
        NOW,
        {"last_error": f"401 {secret}", "remedy": f"replace {secret}", f"n {secret}": 1},
        (section,),
    )

    assert "[secret]" in drawn(message)
    assert BODY.lower() not in drawn(message).lower()


@pytest.mark.parametrize(
    "plain",
    [
        "task-manager-agent-of-research",
        "risk-assessment-agent-two",
        "a bearer of news",
        "basic authentication is off",
        "sk-1",
        "17 calls of openai/gpt-9-preview (48,210 tokens)",
        "secret: a",
        "4bf92f3577b34da6a3ce929d0e0e4736",
    ],
)
def test_ordinary_words_stay(plain: str) -> None:
    assert masked(plain) == plain


def test_no_sample_is_touched_by_it() -> None:
    for message in samples(NOW):
        assert "[secret]" not in drawn(message)


def test_it_is_masked_once() -> None:
    for secret in SECRETS.values():
        assert masked(masked(secret)) == masked(secret)
