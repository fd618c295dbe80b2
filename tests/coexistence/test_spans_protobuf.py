"""The agent's half beside each runtime of protobuf that agents pin.

In one environment, in which pip brings along what goes with each: all else in it is the same.
"""

import hashlib
import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from tests.harness.manager import environment
from tests.harness.metered import collector

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
SENDS = """
import sys
from importlib.metadata import version
from time import time_ns
from opentelemetry.context import get_current
from manager_agent.contract.decision import Allow
from manager_agent.instrumentation import identity, provider, spans
from manager_agent.instrumentation.asked import Asked
from manager_agent.instrumentation.call import Ask, Ended
from manager_agent.instrumentation.endpoint import Endpoint
from manager_agent.instrumentation.told import Told
to = Endpoint("openai", "chat_completions", "openai", "chat", "api.openai.com", 443)
ask = Ask(
    call_id="1" * 32, endpoint=to, asked=Asked(model="gpt-4o"), identity=identity.current(),
    context=get_current(), started_ns=time_ns(),
)
told = Told(response_model="gpt-4o", complete=True)
spans.emit(Ended(
    ask=ask, decision=Allow("no_policy"), ended_ns=time_ns(), ending="whole", told=told, status=200
))
assert provider.flush(30)
assert provider.shutdown(30)
assert "grpc" not in sys.modules
print(version("protobuf").partition(".")[0])
"""


def interpreter(major: int) -> Path:
    """Return the Python of the environment, made once, with us and that runtime in it."""
    wanted = (ROOT / "pyproject.toml").read_bytes() + sys.version.encode()
    home = ROOT / ".cache" / "protobuf" / hashlib.sha256(wanted).hexdigest()[:12]
    python, made = home / "bin" / "python", home / "made"
    ours = ["manager-agent"]  # as it is there: pip keeps to what it asks for
    if not made.exists():
        venv.create(home, with_pip=True, clear=True)
        ours = ["--editable", str(ROOT)]
    if not made.exists() or made.read_text() != str(major):
        made.unlink(missing_ok=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        runtime = f"protobuf>={major},<{major + 1}"
        done = subprocess.run(
            [*pip, "--no-compile", *ours, runtime], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        made.write_text(str(major))
    return python


@pytest.mark.parametrize("major", [5, 6, 7])
def test_calls_are_told_of(major: int) -> None:
    with collector() as got:
        done = subprocess.run(
            [str(interpreter(major)), "-W", "error", "-c", SENDS],
            env=environment(MANAGER_ENDPOINT=got.address, PATH=os.environ["PATH"]),
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    assert (done.stdout, done.stderr) == (f"{major}\n", "")
    assert len(got.spans) == 1
