"""The three steps of docs/security.md as they stand there, from nothing to an open manager."""

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.documented.pages import Block, blocks
from tests.harness.manager import environment, manager, until
from tests.harness.otlp import llm

AGENT = """
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter()))
with provider.get_tracer("an.agent").start_as_current_span("chat", attributes={attributes!r}):
    pass
provider.shutdown()
"""


def of_page(language: str) -> list[Block]:
    return [block for block in blocks(language) if block.page == "docs/security.md"]


def shell(text: str, here: Path) -> str:
    """Run lines of the page in a shell; return what they print."""
    if shutil.which("bash") is None or shutil.which("openssl") is None:
        pytest.skip("needs bash and openssl")
    binaries = Path(sys.executable).parent
    path = f"{binaries}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euc", text],
        cwd=here,
        env=environment(PATH=path, GRPC_DEFAULT_SSL_ROOTS_FILE_PATH=""),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, f"{text}\n{done.stdout}{done.stderr}"
    return done.stdout


def test_from_nothing_to_an_open_manager(tmp_path: Path) -> None:
    certificate, tokens, serve, sending, asking = (block.text for block in of_page("sh"))
    [config] = of_page("yaml")
    (tmp_path / "open.yaml").write_text(config.text, "utf-8")
    shell(certificate, tmp_path)
    shell(tokens, tmp_path)
    listed, started = serve.splitlines()
    assert "research-agent" in shell(listed, tmp_path)
    assert started == "manager-agent serve --config open.yaml"

    with manager(tmp_path / "data", yaml.safe_load(config.text)) as running:
        assert running.where["otlp_grpc"].startswith("https://0.0.0.0:")
        assert running.where["api"].startswith("https://0.0.0.0:")
        grpc, api = (running.where[name].rpartition(":")[2] for name in ("otlp_grpc", "api"))
        agent = AGENT.format(attributes=llm())
        shell(f"{sending.replace(':4317', f':{grpc}')}\npython -c {shlex.quote(agent)}\n", tmp_path)
        ask = asking.replace(":5002", f":{api}")
        query = "SELECT agent FROM llm_calls"

        def agents() -> list[list[str]]:
            said = shell(f"{ask}\nmanager-agent sql --fresh --json '{query}'", tmp_path)
            return list(json.loads(said)["rows"])

        until("the call, booked on the agent of the token", lambda: agents())
        assert agents() == [["research-agent"]]
        shell(f"{ask}\nmanager-agent status", tmp_path)
        shell(f"{sending.replace(':4317', f':{grpc}')}{ask}\nmanager-agent doctor", tmp_path)
