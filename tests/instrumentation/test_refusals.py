"""A refused caller reads why, how much, until when and what to do, in the error of its own SDK."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import anthropic
import httpx2
import openai
import pytest
from botocore.parsers import create_parser
from google.genai import errors

from manager_agent.contract.decision import Refuse
from manager_agent.instrumentation.endpoint import Api
from manager_agent.instrumentation.refusals import dollars
from manager_agent.instrumentation.wires import WIRES

OVER = Refuse(
    reason="over_budget",
    message="this call may cost $0.0123 and $0.01 is left",
    remedy="Ask for a higher limit, or wait",
    limit_name="daily_limit_usd of agent research",
    limit_usd=Decimal(10),
    spent_usd=Decimal("9.98"),
    reserved_usd=Decimal("0.0123"),
    resets_at=datetime(2026, 11, 27, tzinfo=UTC),
)
MESSAGE = (
    "Refused by Manager Agent (over_budget): this call may cost $0.0123 and $0.01 is left."
    " daily_limit_usd of agent research: limit $10.00, spent $9.98, reserved $0.0123,"
    " resets at 2026-11-27T00:00:00Z. Ask for a higher limit, or wait."
)


def body(api: Api, refuse: Refuse = OVER) -> Any:
    return json.loads(WIRES[api].refusal(refuse, 402))


def answer(api: Api) -> httpx2.MockTransport:
    headers = {"x-should-retry": "false", "content-type": "application/json"}
    content = WIRES[api].refusal(OVER, 402)
    return httpx2.MockTransport(
        lambda request: httpx2.Response(402, headers=headers, content=content)
    )


def test_the_openai_sdk_shows_it() -> None:
    http = httpx2.Client(transport=answer("openai"))
    client = openai.OpenAI(api_key="none", http_client=http)

    with client, pytest.raises(openai.APIStatusError) as caught:
        client.embeddings.create(model="m", input="x")

    assert MESSAGE in str(caught.value)
    assert (caught.value.status_code, caught.value.code) == (402, "budget_exceeded")
    assert caught.value.type == "budget_exceeded"


def test_the_anthropic_sdk_shows_it() -> None:
    http = httpx2.Client(transport=answer("anthropic"))
    client = anthropic.Anthropic(api_key="none", http_client=http)

    with client, pytest.raises(anthropic.APIStatusError) as caught:
        client.messages.create(model="m", max_tokens=1, messages=[{"role": "user", "content": "x"}])

    assert MESSAGE in str(caught.value)
    assert str(caught.value.type) == "budget_exceeded"


def test_the_google_sdk_shows_it() -> None:
    error = errors.ClientError(402, body("gemini"))

    assert MESSAGE in str(error)
    assert (error.code, error.status) == (402, "BUDGET_EXCEEDED")


def test_botocore_shows_it() -> None:
    response = {"status_code": 402, "headers": {}, "body": WIRES["bedrock"].refusal(OVER, 402)}

    error = create_parser("rest-json").parse(response, None)["Error"]

    assert error == {"Message": MESSAGE, "Code": "BudgetExceededException"}


def test_a_refusal_without_a_limit_is_one_sentence_and_what_to_do() -> None:
    paused = Refuse("paused", "agent research is paused", "Resume it")

    error = body("openai", paused)["error"]

    assert error["message"] == (
        "Refused by Manager Agent (paused): agent research is paused. Resume it."
    )
    assert (error["code"], error["param"]) == ("paused", None)
    assert body("anthropic", paused)["error"]["type"] == "paused"
    assert body("bedrock", paused)["__type"] == "PausedException"


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        ("1", "$1.00"),
        ("0", "$0.00"),
        ("10.10000", "$10.10"),
        ("1234.5", "$1,234.50"),
        ("0.0123", "$0.0123"),
        ("0.12340", "$0.1234"),
        ("1E-9", "$0.000000001"),
    ],
)
def test_dollars(amount: str, shown: str) -> None:
    assert dollars(Decimal(amount)) == shown
