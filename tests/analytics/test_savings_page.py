"""The worked example of docs/savings.md comes out as it says, and the page names all kinds."""

import re
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib.resources import files
from pathlib import Path

from manager_agent.analytics.answer import answer
from manager_agent.analytics.savings.kinds import KINDS
from manager_agent.analytics.savings.suggest import suggestions
from manager_agent.prices.book import PriceBook
from tests.harness.history import History

PAGE = (Path(__file__).parents[2] / "docs" / "savings.md").read_text("utf-8")
SINCE = datetime(2026, 11, 1)


def test_the_example_comes_out_as_the_page_says() -> None:
    of = History()
    of.con.execute(
        "INSERT INTO calls_sealed BY NAME SELECT 'c' || i AS call_id, 1 AS revision,"
        f" TIMESTAMP '{SINCE}' + to_minutes(10 * i) AS ts, 'watcher' AS agent, 'ok' AS status,"
        " 'openai' AS provider, 'gpt-4o' AS response_model, 2000 AS input_tokens,"
        " 8 AS output_tokens, 0.00508 AS cost_usd, 'f' AS conversation_id FROM range(4320) AS t(i)"
    )
    of.roll_up()
    since = SINCE.replace(tzinfo=UTC)
    ask = partial(answer, of.con)

    (one,) = suggestions(ask, since, since + timedelta(days=30), PriceBook()).suggestions

    (proof,) = answer(of.con, one.query).to_dicts()
    assert (one.kind, one.agent, one.error) == ("idle_premium", "watcher", 0)
    assert f"({one.calls:,} calls) ${one.cost / 1e9:.2f}" in " ".join(PAGE.split())
    assert f"**${one.low / 1e9:.2f} to ${one.high / 1e9:.2f}** a month" in PAGE
    assert proof["calls"] == one.calls
    assert (f"{proof['low_usd']:.2f}", f"{proof['high_usd']:.2f}") == ("10.31", "20.63")


def test_every_kind_is_on_the_page_and_has_its_query() -> None:
    folder = files("manager_agent.analytics") / "sql" / "savings" / "kinds"

    assert tuple(re.findall(r"^\| `(\w+)` \|.* \| .* \|$", PAGE.split("## ")[0], re.M)) == KINDS
    assert tuple(sorted(path.name.removesuffix(".sql") for path in folder.iterdir())) == KINDS
