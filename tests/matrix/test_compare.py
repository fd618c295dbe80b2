"""The matrix can fail: each thing that may be wrong with a cell is named."""

from dataclasses import replace

import pytest

from tests.matrix.cells import KINDS, Attempt, Cell, Saw
from tests.matrix.compare import REFUSAL, differences

USED = dict(zip(KINDS, (100, 20, 64, 0, 5), strict=True))
SERVED = Attempt(200, USED, 1_500)
COUNTED = Attempt(200, USED, 1_500, "local")
ALLOWED = Cell(
    environment="openai-3",
    outcome="allowed",
    saw=Saw("sync", "gpt-4o", chars=60, exception=None, message=None, seconds=0.1),
    served=[SERVED],
    counted=[COUNTED],
    told=1,
    decisions=0,
    own=["openai"],
)
REFUSED = replace(
    ALLOWED,
    outcome="refused",
    saw=replace(ALLOWED.saw, chars=0, exception="openai.APIStatusError 402", message=REFUSAL),
    served=[],
    counted=[],
    told=0,
    decisions=1,
)
FAILED = replace(
    ALLOWED,
    outcome="always 500",
    saw=replace(ALLOWED.saw, chars=0, exception="openai.InternalServerError 500"),
    served=[Attempt(500, dict.fromkeys(KINDS, 0), 0)],
    counted=[Attempt(500, dict.fromkeys(KINDS, 0), 0, "local")],
)
UNASKED = replace(
    ALLOWED,
    saw=replace(ALLOWED.saw, mode="stream, usage unasked"),
    counted=[Attempt(200, dict.fromkeys(KINDS, 1), 7, "estimated")],
)


@pytest.mark.parametrize("cell", [ALLOWED, REFUSED, FAILED, UNASKED])
def test_accounts_that_agree(cell: Cell) -> None:
    assert differences(cell) == []


def test_what_an_api_does_not_speak_of_is_null_where_there_was_none() -> None:
    nothing = replace(SERVED, tokens=USED | {"reasoning_tokens": 0})
    silent = replace(COUNTED, tokens=USED | {"reasoning_tokens": None})
    saw = replace(ALLOWED.saw, chars=80)

    assert differences(replace(ALLOWED, saw=saw, served=[nothing], counted=[silent])) == []


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        pytest.param(replace(ALLOWED, counted=[]), "1 calls on the wire, 0 rows", id="lost"),
        pytest.param(replace(ALLOWED, counted=[COUNTED] * 2), "2 rows", id="counted twice"),
        pytest.param(replace(ALLOWED, told=0), "0 spans", id="no span"),
        pytest.param(replace(ALLOWED, told=2), "2 spans", id="a span too many"),
        pytest.param(
            replace(ALLOWED, counted=[replace(COUNTED, tokens=USED | {"cache_read_tokens": None})]),
            "cache_read_tokens: 64 served, None counted",
            id="a kind of tokens",
        ),
        pytest.param(
            replace(ALLOWED, counted=[replace(COUNTED, cost_nano=1_501)]),
            "1500 by the price book, 1501 counted",
            id="a nano-USD",
        ),
        pytest.param(
            replace(ALLOWED, counted=[replace(COUNTED, cost_nano=None)]), "None counted", id="free"
        ),
        pytest.param(
            replace(ALLOWED, counted=[replace(COUNTED, http_status=500)]), "HTTP 200", id="status"
        ),
        pytest.param(
            replace(ALLOWED, saw=replace(ALLOWED.saw, chars=59)), "59 characters of 60", id="torn"
        ),
        pytest.param(
            replace(ALLOWED, saw=replace(ALLOWED.saw, exception="x.Y")), "saw x.Y", id="disturbed"
        ),
        pytest.param(replace(ALLOWED, decisions=1), "1 refusals", id="refused and sent"),
        pytest.param(replace(REFUSED, decisions=3), "3 refusals", id="asked three times"),
        pytest.param(replace(REFUSED, served=[SERVED]), "1 refused calls", id="it went out"),
        pytest.param(
            replace(REFUSED, saw=replace(REFUSED.saw, exception=None, message=None)),
            "no exception",
            id="nobody noticed",
        ),
        pytest.param(
            replace(REFUSED, saw=replace(REFUSED.saw, exception="httpx.ConnectError")),
            "no exception of openai",
            id="somebody else's exception",
        ),
        pytest.param(
            replace(REFUSED, saw=replace(REFUSED.saw, message="402")), "does not say why", id="why"
        ),
        pytest.param(
            replace(UNASKED, counted=[replace(COUNTED, source="local")]),
            "wanted estimated",
            id="a guess that is told as the truth",
        ),
    ],
)
def test_what_differs_is_named(cell: Cell, words: str) -> None:
    assert words in "; ".join(differences(cell))
