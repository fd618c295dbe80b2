"""What docs/collector.md shows is taken by the real collector, and does what is said of it."""

import subprocess
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from tests.documented.pages import ROOT, Command, blocks, commands
from tests.faults.test_collector_sampling import CALLS, EXISTING, assert_exact, sending
from tests.harness.collector import backend, built, collector
from tests.harness.manager import environment, manager, until

pytestmark = pytest.mark.slow

PAGE = "docs/collector.md"
SHOWN = [each for each in commands() if each.words[0].startswith("otelcol-")]
[CONNECTOR, TLS] = [each.text for each in blocks("yaml") if each.page == PAGE]


def validate(*configs: Path) -> None:
    """Let the collector judge configurations as it would at its start."""
    subprocess.run(
        [built() / "otelcol-manager", "validate", *(f"--config={path}" for path in configs)],
        env=environment(
            COLLECTOR_GRPC="127.0.0.1:14317",
            COLLECTOR_HTTP="127.0.0.1:14318",
            COLLECTOR_HEALTH="127.0.0.1:13133",
            COLLECTOR_METRICS_PORT="8888",
            BACKEND_ENDPOINT="backend.example:4317",
            PROCESSORS="[memory_limiter, tail_sampling, batch]",
            MANAGER_TOKEN="t",
        ),
        capture_output=True,
        timeout=60,
        check=True,
    )


@pytest.mark.parametrize("command", SHOWN, ids=str)
def test_a_command_shown_is_taken(command: Command) -> None:
    """The user's own configuration is one as people have it."""
    validate(
        *(
            EXISTING if path.startswith("/etc/") else ROOT / path
            for word, path in zip(command.words[1:], command.words[2:], strict=False)
            if word == "--config"
        )
    )


def test_the_exporter_with_tls_and_a_token_is_taken(tmp_path: Path) -> None:
    (tmp_path / "tls.yaml").write_text(TLS, "utf-8")

    validate(ROOT / "otel-collector.yaml", tmp_path / "tls.yaml")


def test_with_connectors_spend_is_exact_beside_a_sampler(tmp_path: Path) -> None:
    with ExitStack() as stack:
        other = stack.enter_context(backend())
        running = stack.enter_context(manager(tmp_path / "data"))
        shown = CONNECTOR.replace("127.0.0.1:4317", running.where["otlp_grpc"])
        (tmp_path / "shown.yaml").write_text(
            shown.replace("backend.example:4317", other.endpoint), "utf-8"
        )
        between = stack.enter_context(
            collector(
                tmp_path / "collector",
                EXISTING,
                tmp_path / "shown.yaml",
                endpoint="",
                PROCESSORS="[memory_limiter]",
            )
        )
        stack.enter_context(sending(between))

        assert_exact(running)
        until("the failed ones", lambda: other.spans > 0, 60)
        assert other.spans < CALLS * 0.1


def test_the_metrics_named_are_there(tmp_path: Path) -> None:
    """Counters of what never happened are not; the others are."""
    page = (ROOT / PAGE).read_text("utf-8")
    with (
        backend() as behind,
        collector(tmp_path, endpoint=behind.endpoint) as running,
        sending(running),
    ):
        until("spans", lambda: behind.spans == CALLS, 60)
        text = httpx.get(running.metrics_url, trust_env=False).text

    for name in ("otelcol_exporter_queue_size", "otelcol_processor_filter_spans_filtered"):
        assert f"`{name}`" in page
        assert f"\n{name}" in text, text
