"""What could be cheaper, from OTLP to the command line; each query runs in the sandbox."""

import json
import random
import time
from pathlib import Path

import pytest

from tests.harness.manager import manager, run_command
from tests.harness.otlp import Sender, Sending, hex_id, llm, request


@pytest.mark.slow
def test_suggestions_come_with_queries_that_run(tmp_path: Path) -> None:
    rng, now = random.SystemRandom(), time.time_ns()
    simple = llm("gpt-4o", (600, 90), **{"gen_ai.conversation.id": "c"})
    prefix = llm("gpt-4o", (20_000, 80), **{"gen_ai.usage.cache_read.input_tokens": 0})
    works = {"prefix": prefix, "simple": simple}
    with manager(tmp_path / "data", {}) as running:
        with Sender(running.where) as sender:
            for agent, told in works.items():
                starts = [now - n * 30 * 10**9 for n in range(40)]
                ids = [(hex_id(rng, 32), hex_id(rng, 16)) for _ in starts]
                sender.send(
                    request(
                        Sending(*one, start, attributes=told, service=agent)
                        for one, start in zip(ids, starts, strict=True)
                    )
                )
        api = running.where["api"]
        shown = run_command("suggest", "--since", "1d", "--queries", "--api-url", api)
        found = json.loads(
            run_command("suggest", "--since", "1d", "--json", "--api-url", api).stdout
        )
        bad = run_command("suggest", "--since", "soon", "--api-url", api)

        kinds = {(one["agent"], one["kind"]) for one in found}
        assert kinds == {("prefix", "prompt_caching"), ("simple", "model_downgrade")}
        for one in found:
            proof = [row for row in running.sql(one["query"]) if row["agent"] == one["agent"]]
            assert sum(row["calls"] for row in proof) == one["calls"]
            assert one["error_percent"] == 0
            assert 0 < one["saves_low_usd_per_month"] <= one["saves_high_usd_per_month"]
            assert one["query"].splitlines()[0] in shown.stdout
    assert shown.returncode == 0
    assert (bad.returncode, "no duration" in bad.stderr) == (1, True)
