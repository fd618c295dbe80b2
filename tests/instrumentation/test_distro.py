"""The standard `opentelemetry-instrument` with us as its distribution."""

from pathlib import Path

import pytest

from tests.harness.agents import BIN, STARTED, run

pytestmark = pytest.mark.slow  # its command loads every SDK there is

COMMAND = BIN / "opentelemetry-instrument"
OURS = {"OTEL_PYTHON_DISTRO": "manager_agent"}
SEEN = f"""\
{STARTED}
from opentelemetry import trace
print(type(trace.get_tracer_provider()).__name__)
print(*sorted(name for name in sys.modules if name in ("openai", "anthropic")))
"""


def instrumentors(folder: Path) -> Path:
    """Make instrumentations that are installed: one that fails, then one that works."""
    info = folder / "someones-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Name: someones\nVersion: 1\n")
    (info / "entry_points.txt").write_text(
        "[opentelemetry_instrumentor]\na_broken = someones:Broken\nb_good = someones:Good\n"
    )
    (folder / "someones.py").write_text(
        "class Broken:\n"
        "    def instrument(self, **given): raise ValueError('broken')\n"
        "class Good:\n"
        "    def instrument(self, **given): print('good')\n"
    )
    return folder


def instrument(code: str, *path: Path, **variables: str) -> tuple[str, str]:
    found = ":".join(map(str, path))
    done = run(COMMAND, "python", "-c", code, cwd=None, PYTHONPATH=found, **variables)
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr


def test_it_starts_us_and_leaves_global_providers_and_libraries_alone() -> None:
    out, err = instrument(SEEN, **OURS)

    assert out == "started\nProxyTracerProvider\n\n"
    assert err == ""


def test_who_names_an_exporter_gets_the_sdk() -> None:
    out, _ = instrument(SEEN, OTEL_TRACES_EXPORTER="console", **OURS)

    assert out == "started\nTracerProvider\n\n"


def test_an_instrumentation_that_fails_stops_no_other(tmp_path: Path) -> None:
    out, err = instrument(STARTED, instrumentors(tmp_path), **OURS)

    assert out == "good\nstarted\n"
    assert "the instrumentation 'a_broken' cannot be loaded" in err


@pytest.mark.parametrize("chosen", [{}, {"OTEL_PYTHON_DISTRO": "another"}])
def test_who_does_not_ask_for_us_does_not_get_us(chosen: dict[str, str]) -> None:
    off = {"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "*"}

    out, err = instrument(STARTED, **off, **chosen)

    assert (out, err) == ("not started\n", "")


def test_it_is_there_where_the_command_looks() -> None:
    from importlib.metadata import entry_points

    [ours] = entry_points(group="opentelemetry_distro", name="manager_agent")
    assert ours.value == "manager_agent.instrumentation.distro:chosen"
