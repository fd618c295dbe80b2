"""The kinds of errors that are known, and what to do about each."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

Kind = Literal[
    "auth",  # the key is missing, wrong, or may not do this
    "quota",  # paid for too little, or a spending limit of the account
    "rate_limit",  # too many requests or tokens a minute
    "context_length",  # more input than the model takes
    "model_not_found",
    "content_filter",
    "overloaded",  # the provider has too much to do
    "server_error",  # the provider's fault, other 5xx
    "timeout",
    "connection",  # no answer, or it broke off
    "bad_request",
    "bad_answer",  # what the model said cannot be read
    "tool_error",
    "other",
]


@dataclass(frozen=True, slots=True)
class About:
    """What is known of a kind: words for it, one thing to do, and what it is a matter of.

    `action`: one sentence. `of_model`: whether it is of one model family; else of the provider.
    `typed`: whether the error's class tells more than the kind does. `transient`: whether it is
    likely to pass by itself.
    """

    words: str
    action: str
    of_model: bool = True
    typed: bool = False
    transient: bool = False


ABOUT: Mapping[Kind, About] = MappingProxyType(
    {
        "auth": About(
            "the key was refused",
            "check the API key of these agents, and what its project and region may use",
            of_model=False,
        ),
        "quota": About(
            "the account has no credit or reached its own spending limit",
            "add credit or raise the account's limit at the provider; retries are in vain",
            of_model=False,
        ),
        "rate_limit": About(
            "too many requests or tokens a minute",
            "send fewer at a time, honour Retry-After, or ask the provider for a higher limit",
            transient=True,
        ),
        "context_length": About(
            "more input than the model takes",
            "shorten the history or the documents before the call, or use a model with more room",
        ),
        "model_not_found": About(
            "the model does not exist or may not be used",
            "correct the model's name, or ask for access; it may have been retired",
        ),
        "content_filter": About(
            "the provider's content filter refused it",
            "look at the prompts of these calls; a retry of the same prompt is refused again",
        ),
        "overloaded": About(
            "the provider has too much to do",
            "wait, or let these agents use another model; the provider's status page says more",
            of_model=False,
            transient=True,
        ),
        "server_error": About(
            "the provider's servers failed",
            "wait, or let these agents use another provider; the provider's status page says more",
            of_model=False,
            transient=True,
        ),
        "timeout": About(
            "no answer in time",
            "raise the client's timeout, stream the answer, or ask for a shorter one",
            transient=True,
        ),
        "connection": About(
            "no connection, or it broke off",
            "check network, proxy and DNS between these agents and the provider",
            of_model=False,
            transient=True,
        ),
        "bad_request": About(
            "the provider could not accept the request",
            "correct the request as the message says; a retry fails the same way",
        ),
        "bad_answer": About(
            "the model's answer could not be read",
            "ask for a schema the provider enforces, and raise the limit of output tokens",
            typed=True,
        ),
        "tool_error": About(
            "a tool failed",
            "look at the tool with the arguments of these runs; agents may go on retrying it",
            typed=True,
        ),
        "other": About(
            "an error of no known kind",
            "look at one of these calls",
            typed=True,
        ),
    }
)
