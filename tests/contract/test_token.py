"""Tokens at a door: who is let in, how it is told, and that nothing of a secret is kept."""

import pytest

from manager_agent.contract import token as module
from manager_agent.contract.token import Denied, Token, Tokens, digest_of

ALPHA, BETA = "mgr_alpha-alpha-alpha", "mgr_beta-beta-beta-b"
KNOWN = [Token("a", digest_of(ALPHA), "alpha"), Token("b", digest_of(BETA))]


def test_who_shows_a_token_is_known_by_it() -> None:
    tokens = Tokens(KNOWN)

    assert tokens.check(f"Bearer {ALPHA}") is KNOWN[0]
    assert tokens.check(f"bearer  {BETA} ") is KNOWN[1]


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        (None, "token_missing"),
        ("", "token_missing"),
        (ALPHA, "token_missing"),
        (f"Basic {ALPHA}", "token_missing"),
        (f"Bearer{ALPHA}", "token_missing"),
        ("Bearer ", "token_unknown"),
        (f"Bearer {ALPHA}x", "token_unknown"),
        (f"Bearer {ALPHA.upper()}", "token_unknown"),
        (f"Bearer {ALPHA} {BETA}", "token_unknown"),
        ("Bearer \udcff\x00é", "token_unknown"),
    ],
)
def test_others_are_told_why_not(header: str | None, reason: str) -> None:
    denied = Tokens(KNOWN).check(header)

    assert isinstance(denied, Denied)
    assert denied.reason == reason
    assert ALPHA not in denied.message


def test_a_door_without_tokens_is_open_and_says_so() -> None:
    assert not Tokens()
    assert Tokens(KNOWN)


@pytest.mark.parametrize("shown", [ALPHA, BETA, "mgr_neither-of-them-is"])
def test_every_digest_is_compared_whole_whichever_it_is(
    shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that the time it takes tells nothing."""
    compared: list[bytes] = []

    def comparing(known: bytes, other: bytes) -> bool:
        compared.append(known)
        return known == other

    monkeypatch.setattr(module, "compare_digest", comparing)
    Tokens(KNOWN).check(f"Bearer {shown}")

    assert compared == [token.digest for token in KNOWN]


def test_a_fingerprint_tells_tokens_apart_and_holds_nothing_of_them() -> None:
    first, second = (token.fingerprint for token in KNOWN)

    assert first != second
    assert len(first) == len(second) == 8
    assert ALPHA not in repr(KNOWN)
