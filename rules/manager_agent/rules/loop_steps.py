"""Steps: model and tool calls of one hour as one table, each with what it did and what came of it.

Two steps with equal `sig` did the same and got the same; `near` is equal where less is: a tool that
failed or answered the same way to other arguments, an input that grew by the same number of tokens.
`proof` and `near_proof` say how much such an equality is worth; see `loop_score`.
"""

import polars as pl

from manager_agent.analytics.frames import Frames
from manager_agent.rules.loop_score import WEIGHTS

_LEAST_OUTPUT = 8
"""Tokens: shorter answers are too often of one length for that to say anything."""

_KIND = pl.Enum(("call", "tool"))
_PROOF = pl.Enum(list(WEIGHTS))


def steps(frames: Frames) -> pl.DataFrame:
    """Return all steps in order of time; those that tell nothing comparable have no `sig`."""
    return pl.concat([_calls(frames.calls), _tools(frames.tools)]).sort("ts", maintain_order=True)


def _calls(calls: pl.DataFrame) -> pl.DataFrame:
    failed = pl.col("status") == "error"
    error = _joined("error", pl.col("error_type"), pl.col("http_status").cast(pl.String))
    turn, whole = pl.col("turn_digest"), pl.col("prompt_digest")
    telling = (
        ~failed
        & (pl.col("output_tokens") >= _LEAST_OUTPUT)
        & pl.col("input_tokens").is_not_null()
        & ~pl.col("operation").fill_null("").str.contains("embed")
    )
    untold = turn.is_null() & whole.is_null()
    got = pl.when(failed).then(error).otherwise(pl.lit(""))
    counts = _joined(
        "counts", *(pl.col(n).cast(pl.String) for n in ("model", "input_tokens", "output_tokens"))
    )
    return calls.select(
        "ts",
        end=_end(),
        kind=pl.lit("call", _KIND),
        agent="agent",
        trace="trace_id",
        conversation="conversation_id",
        name=pl.coalesce(pl.col("model"), pl.lit("")),
        sig=pl.when(~untold)
        .then(_joined("call", pl.coalesce(turn, whole), got).hash())
        .when(telling)
        .then(counts.hash()),
        # A turn holds the answer before it and what came of that; a whole request says less.
        proof=pl.when(failed)
        .then(pl.lit("failed"))
        .when(turn.is_not_null())
        .then(pl.lit("proven"))
        .when(whole.is_not_null())
        .then(pl.lit("asked"))
        .otherwise(pl.lit("counts"))
        .cast(_PROOF),
        near=pl.lit(None, pl.UInt64),
        near_proof=pl.lit("growth", _PROOF),
        growing=untold & telling,
        cost="cost",
        input="input_tokens",
        output="output_tokens",
    )


def _tools(tools: pl.DataFrame) -> pl.DataFrame:
    failed = pl.col("status") == "error"
    error = _joined("error", pl.col("error_type"), pl.col("error_message"))
    got = pl.when(failed).then(error).otherwise(pl.col("result_digest"))
    return tools.select(
        "ts",
        end=_end(),
        kind=pl.lit("tool", _KIND),
        agent="agent",
        trace="trace_id",
        conversation="conversation_id",
        name=pl.coalesce(pl.col("tool"), pl.lit("")),
        sig=pl.when(pl.col("arguments_digest").is_not_null()).then(
            _joined("tool", pl.col("tool"), pl.col("arguments_digest"), got).hash()
        ),
        proof=pl.when(failed)
        .then(pl.lit("failed"))
        .when(pl.col("result_digest").is_not_null())
        .then(pl.lit("proven"))
        .otherwise(pl.lit("unanswered"))
        .cast(_PROOF),
        near=pl.when(got.is_not_null()).then(_joined("tool", pl.col("tool"), got).hash()),
        near_proof=pl.when(failed).then(pl.lit("error")).otherwise(pl.lit("result")).cast(_PROOF),
        growing=pl.lit(value=False),
        cost=pl.lit(None, pl.Int64),
        input=pl.lit(None, pl.Int64),
        output=pl.lit(None, pl.Int64),
    )


def _end() -> pl.Expr:
    lasted = pl.col("duration_ms").fill_null(0).clip(0, 3_600_000) * 1000
    return pl.col("ts") + pl.duration(microseconds=lasted.cast(pl.Int64))


def _joined(kind: str, *parts: pl.Expr) -> pl.Expr:
    texts = [part.fill_null("") for part in parts]
    return pl.concat_str([pl.lit(kind), *texts], separator="\x1f")
