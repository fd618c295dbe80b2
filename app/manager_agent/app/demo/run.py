"""The demonstration: a manager, a fleet that spends, one agent that loops, and what people see."""

import importlib.util
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from manager_agent.app.demo.children import Children, clean_environment
from manager_agent.app.demo.config_file import config_yaml
from manager_agent.app.demo.past import DAYS, write
from manager_agent.app.demo.provider import Provider, ProviderSettings, serving
from manager_agent.app.demo.reading import savings
from manager_agent.app.demo.ready import START_SECONDS, DemoFailed, Ready, wait_ready
from manager_agent.app.demo.roster import FLEET, LOOPING
from manager_agent.app.demo.screen import Seen
from manager_agent.app.demo.show import Show
from manager_agent.app.demo.story import Story
from manager_agent.app.demo.summary import exit_code, summary, tokens_served
from manager_agent.delivery.slack.blocks import blocks
from manager_agent.delivery.slack.html import page
from manager_agent.delivery.wording import card

NEEDS = ("anthropic", "openai")
REFUSED = "(over_budget)"  # in what the agent's SDK raises
EXPORT_MILLIS = 500  # so that the screen moves
INSTALL = 'python -m pip install "manager-agent[server,demo]"'
FLEET_PATIENCE_SECONDS, SERVER_PATIENCE_SECONDS = 6.0, 12.0
MISSING, FAILED, INTERRUPTED = 2, 1, 130
ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def run(seconds: float | None = None, data_dir: Path | None = None, *, seed: int = 7) -> int:
    """Run the demonstration and return its exit code.

    `seconds`: how long after the server is up, None: until Ctrl-C. `data_dir`: where the manager
    keeps its data, None: a temporary directory, removed at the end. `seed`: of the provider's
    answers and failures. Returns 0; 1 where the server or an agent died, or the looping agent had
    45 s and was not stopped, or raised no alert; 2 where packages are missing; 130 for Ctrl-C
    before `seconds`.
    """
    missing = missing_packages()
    if missing:
        print(f"The demo also needs {', '.join(missing)}. Install: {INSTALL}", file=sys.stderr)
        return MISSING
    with (
        _signals_interrupt(),
        tempfile.TemporaryDirectory(prefix="manager-agent-demo-") as work,
    ):
        children = Children(Path(work))
        try:
            return _demo(children, Path(work), seconds, data_dir, seed)
        except DemoFailed as error:
            print(f"The demo failed: {error}", file=sys.stderr)
            return FAILED
        except KeyboardInterrupt:  # before there was anything to show
            return INTERRUPTED
        finally:
            _ignore_signals()
            children.stop_all(SERVER_PATIENCE_SECONDS)


def missing_packages(needs: Sequence[str] = NEEDS) -> list[str]:
    """Return which of the demo's modules are not installed."""
    return [name for name in needs if not _installed(name)]


def _installed(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:  # a parent package is missing
        return False


def _demo(
    children: Children, work: Path, seconds: float | None, kept: Path | None, seed: int
) -> int:
    """Start everything, show it until its end, and print the summary."""
    data_dir = kept or work / "data"
    _bring_past(work / "last-week.csv", data_dir)
    ready = _serve(children, work, data_dir)
    story = Story(
        lambda words: _command([*words, "--api-url", ready.api]),
        lambda: children.errors(LOOPING.agent).count(REFUSED),
    )
    show = Show(ready.api, Console(), up=time.monotonic(), told=story.told)
    with serving(ProviderSettings(seed=seed, rate_429=0, rate_500=0)) as provider:
        _start_fleet(children, ready, provider)
        interrupted = _show_until_end(show, story, provider, seconds, children)
        _ignore_signals()
        children.stop(*_agents(), patience=FLEET_PATIENCE_SECONDS)
        reading = show.last_reading(provider)
        text = summary(
            reading,
            show.seen,
            tokens_served=tokens_served(provider.served),
            tokens_counted=show.tokens_counted(),
            up_seconds=show.up_seconds(),
            savings=savings(ready.api),
        )
        _show_reports(ready.api)
        show.draw_messages()
        print(text)
        print(_messages(show.seen, kept))
    if interrupted:
        return 0 if seconds is None else INTERRUPTED
    return exit_code(show.seen, story, seconds)


def _bring_past(file: Path, data_dir: Path) -> None:
    """Bring the fleet's last week in, as a person would. Raises `DemoFailed`.

    Before the manager starts: it looks at what is normal once an hour.
    """
    calls = write(file, datetime.now(UTC))
    print(f"$ manager-agent import {file.name}   {calls:,} calls of {DAYS} days", flush=True)
    if not _command(["import", str(file), "--data-dir", str(data_dir)]):
        raise DemoFailed(f"the past was not imported: manager-agent import {file.name}")


def _show_reports(api_url: str) -> None:
    """Print what people are told each hour and each day. Raises `DemoFailed`."""
    at = datetime.now(UTC).isoformat(timespec="seconds")
    for words in (["report", "hourly", "--at", at], ["report", "daily"]):
        done = _run([*words, "--api-url", api_url])
        if done.returncode != 0:
            raise DemoFailed(f"manager-agent {' '.join(words)}: {done.stderr}")
        print(f"\n$ manager-agent {' '.join(words)}\n{done.stdout}", end="", flush=True)


def _messages(seen: Sequence[Seen], kept: Path | None) -> str:
    """Return where the messages are, as Slack shows them; they need a directory that is kept."""
    if kept is None:
        return "with --data-dir D, D/messages.html shows these messages as Slack does"
    file = kept / "messages.html"
    shown = [{"blocks": [b.to_dict() for b in blocks(card(each.alert))]} for each in seen]
    file.write_text(page(shown, "What the demonstration told"), "utf-8")
    return f"the messages as Slack shows them: {file}"


def _command(words: Sequence[str]) -> bool:
    """Run `manager-agent WORDS` as a person would; return whether it worked."""
    return _run(words).returncode == 0


def _run(words: Sequence[str]) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "manager_agent.app.dispatch", *words]
    environment = clean_environment(os.environ)
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def _show_until_end(
    show: Show, story: Story, provider: Provider, seconds: float | None, children: Children
) -> bool:
    """Return whether Ctrl-C ended it; raises `DemoFailed` where a process ended by itself."""

    def check() -> None:
        story.look(provider.served, show.up_seconds())
        for name in ("server", *_agents()):
            code = children.exit_code(name)
            if code is not None:
                words = children.last_words(name)
                raise DemoFailed(f"{name} ended by itself, exit code {code}:\n{words}")

    try:
        show.until(seconds, check)
    except KeyboardInterrupt:
        return True
    return False


def _serve(children: Children, work: Path, data_dir: Path) -> Ready:
    config = work / "manager_agent.yaml"
    config.write_text(config_yaml(FLEET), "utf-8")
    print("starting the manager ...", flush=True)
    module = [sys.executable, "-m", "manager_agent.app.dispatch", "serve"]
    ports = [f"--{name}-port=0" for name in ("otlp-grpc", "otlp-http", "api", "metrics")]
    children.start("server", [*module, f"--config={config}", f"--data-dir={data_dir}", *ports])
    return wait_ready(children, "server", START_SECONDS)


def _start_fleet(children: Children, ready: Ready, provider: Provider) -> None:
    for member in FLEET:
        command = agent_command(member.agent, provider.url)
        children.start(member.agent, command, agent_variables(ready.otlp_grpc, provider.url))


def agent_command(agent: str, provider_url: str) -> list[str]:
    """Return the command line that runs an agent of the fleet, metered."""
    run = [sys.executable, "-m", "manager_agent.app.dispatch", "run", "--agent", agent]
    script = [sys.executable, "-m", "manager_agent.app.demo.fleet", agent]
    return [*run, *script, "--provider", provider_url]


def agent_variables(otlp_grpc: str, provider_url: str) -> dict[str, str]:
    """Return all that an agent is told of the manager, in its environment."""
    host = provider_url.removeprefix("http://")
    return {
        "MANAGER_ENDPOINT": f"http://{otlp_grpc}",
        "MANAGER_LLM_HOSTS": f"{host}=openai,{host}=anthropic",
        "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=demo",
        "OTEL_BSP_SCHEDULE_DELAY": str(EXPORT_MILLIS),
    }


def _agents() -> list[str]:
    return [member.agent for member in FLEET]


@contextmanager
def _signals_interrupt() -> Iterator[None]:
    """Let SIGTERM and a closed terminal end the demo as Ctrl-C does."""
    before = [(number, signal.signal(number, signal.default_int_handler)) for number in ENDINGS]
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)


def _ignore_signals() -> None:
    """Let nothing interrupt the ending, which has deadlines of its own."""
    for number in ENDINGS:
        signal.signal(number, signal.SIG_IGN)
