"""Rows 11 to 14 and 16 to 18: refusals, windows, priorities, forks, messages, pauses, a crowd."""

import re
import socket
import statistics
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from benchmarks.guard import crowd as crowds
from benchmarks.guard import environments, soon
from benchmarks.guard.lines import Line
from benchmarks.guard.sides import Agents, Side, Told
from benchmarks.guard.spending import wait_for
from benchmarks.guard.truth import CENT, provider
from benchmarks.guard.world import AMPLE, CONFIG, LIMIT, World, held
from tests.harness.manager import manager, run_command, until

HERE = Path(__file__).parent
FLOOR = LIMIT * 2 // 10
MESSAGES_PER_CALL = 0.05
PAUSE_SECONDS = 1.0
_GRACE_SECONDS = 0.1
"""How long after it was reserved a call may begin, as the provider sees it."""


def refusal(world: World) -> Iterator[Line]:
    """Row 11: a refused call raises once, is not tried again, and says what to do."""
    with provider(hang=0.0) as truth, Agents(world.ours, truth, world.agent()) as agents:
        told = agents.run(callers=1, attempts=150, retries=2)
        found = truth.bill()
    words = ["monthly_limit_usd", "1.00", "reset"]
    missing = [word for word in words if word not in told.refusal]
    taken = statistics.median(told.refusal_seconds[2:] or [float("inf")])
    once = found.requests == found.calls == told.outcomes["ok"] and not told.outcomes["failed"]
    note = f"{taken * 1e6:.0f} us in the SDK, {told.outcomes['refused']} refused: {told.refusal}"
    line = held(11, "refusal: one exception", world.ours, found, told, 97, note)
    passed = bool(line.passed) and once and not missing
    figures = {**line.figures, "refusal_seconds": taken, "missing_words": missing}
    yield Line(11, line.case, line.guard, line.over, line.used, passed, note, figures)


def roll_over(world: World) -> Iterator[Line]:
    """Row 12: the hour ends in the middle of a run, and each hour keeps its own limit."""
    config = {**CONFIG, "agent_budgets": {"default": {"hourly_limit_usd": 1.0}}}
    with soon.zone_whose_hour_ends_in(60.0) as (zone, ends):
        place = world.manager.data_dir.with_name(f"hour-{world.agent()}")
        with (
            manager(place, {**config, "timezone": zone}) as running,
            provider(hang=0.05) as truth,
        ):
            side = Side("manager-agent", world.ours.python, f"http://{running.where['otlp_grpc']}")
            with Agents(side, truth, "hourly") as agents:
                agents.start(endless=True, callers=5, pause=0.2)
                until("the hour ends", lambda: time.time() > ends, 120)
                wait_for(truth, truth.bill(pending=True).calls + 97, failing=False)
                told = agents.stop()
                found = truth.bill()
    before = sum(start < ends for start in found.starts) * CENT
    unsure = sum(ends <= start < ends + _GRACE_SECONDS for start in found.starts) * CENT
    after = found.nano - before
    passed = before <= LIMIT and after - unsure <= LIMIT and after >= LIMIT * 9 // 10 > 0
    note = f"${before / 1e9:.2f} before the hour ended, ${after / 1e9:.2f} after"
    worst = max(before, after - unsure)
    over = max(0.0, (worst - LIMIT) * 100 / LIMIT)
    yield Line(
        *(12, "the hour ends in mid-run", side.name, over, after * 100 / LIMIT, passed, note),
        {
            "before_usd": before / 1e9,
            "after_usd": after / 1e9,
            "outcomes": dict(told.outcomes),
            "refusal": told.refusal,
        },
    )


def priorities(world: World) -> Iterator[Line]:
    """Row 13: what is kept for critical agents is there when they come."""
    with provider(hang=0.05) as truth, Agents(world.ours, truth, "low") as low:
        low.start(callers=10, attempts=400, url=f"{truth.url}/low")
        wait_for(truth, 20)
        with Agents(world.ours, truth, "critical") as critical:
            critical.run(callers=4, attempts=100, url=f"{truth.url}/critical")
        told = low.wait()
        all_of_it, kept = truth.bill(), truth.bill(under="/critical")
    passed = all_of_it.nano <= LIMIT and kept.nano >= FLOOR * 97 // 100
    note = f"critical got ${kept.usd:.2f} of its $0.20, low ${all_of_it.usd - kept.usd:.2f}"
    line = held(13, "a floor for critical agents", world.ours, all_of_it, told, 0, note)
    yield Line(13, line.case, line.guard, line.over, line.used, passed, note, line.figures)


def forks(world: World) -> Iterator[Line]:
    """Row 14: children of a process that has a lease, a stream and threads."""
    side = world.ours
    with provider(hang=0.05) as truth, Agents(side, truth, world.agent()) as agents:
        told = agents.run(forks=3, callers=10, attempts=100)
        yield held(14, "os.fork x 3 in mid-run", side, truth.bill(), told, 90)
    for method in ("fork", "forkserver"):
        with provider(hang=0.05) as truth, Agents(side, truth, world.agent()) as agents:
            agents.start_words([str(HERE / "pool_agent.py"), method, truth.url])
            told = agents.wait()
            yield held(14, f"multiprocessing {method}", side, truth.bill(), told, 90)
    yield _gunicorn(world)


def _gunicorn(world: World) -> Line:
    python = environments.made("ours", environments.OURS, ours=True)
    side = Side("manager-agent", python, world.endpoint)
    with provider(hang=0.05) as truth, Agents(side, truth, world.agent()) as agents:
        port = free_port()
        agents.start_words(
            [
                *(
                    "-m",
                    "gunicorn",
                    "--preload",
                    "--workers=4",
                    "--threads=4",
                    "--no-control-socket",
                ),
                *(f"--bind=127.0.0.1:{port}", f"--chdir={HERE}", f"--env=PROVIDER={truth.url}"),
                "web_app:application",
            ]
        )
        told = _visited(port, 300)
        for process in agents.running:
            process.terminate()
            process.wait(30)
        return held(14, "gunicorn --preload, 4 workers", side, truth.bill(), told, 90)


def _visited(port: int, visits: int) -> Told:
    """Visit a server from twenty threads; return what it said of its calls."""
    told, lock, left = Told(), threading.Lock(), iter(range(visits))
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def get() -> str:
        with opener.open(f"http://127.0.0.1:{port}/", timeout=60) as answer:
            return str(answer.read().decode())

    until("the server answers", lambda: _answers(get), 60)

    def visit() -> None:
        while True:
            with lock:
                if next(left, None) is None:
                    return
            outcome = get()
            with lock:
                told.outcomes[outcome] += 1

    threads = [threading.Thread(target=visit) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return told


def _answers(get: object) -> bool:
    try:
        return bool(get())  # type: ignore[operator]
    except (urllib.error.URLError, ConnectionError):
        return False


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def messages(world: World) -> Iterator[Line]:
    """Row 16: with an ample budget hardly any call needs a word with the manager.

    Counted by the manager: every message that guards send on their streams, from hello to bye, by
    the calls that the provider billed; so how many there are goes by how long that takes. What a
    message holds, reports of leases and outcomes, is told beside it.
    """
    calls = 1000 if world.quick else 8000
    with provider(hang=0.05) as truth, Agents(world.ours, truth, AMPLE) as agents:
        before, began = _counted(world), time.monotonic()
        agents.run(4, callers=25, attempts=calls // 4)
        found, taken = truth.bill(), time.monotonic() - began
        sent, back, inside = (now - then for now, then in zip(_counted(world), before, strict=True))
    share = sent / max(1, found.calls)
    passed = share < MESSAGES_PER_CALL and found.calls == calls
    note = (
        f"{share:.4f} messages per call: {sent:.0f} of 4 processes in {taken:.0f} s"
        f" ({sent / 4 / taken:.1f} a second each) for {found.calls} calls, with {inside:.0f} words"
        f" in them; {back:.0f} came back"
    )
    figures = {
        "messages_per_call": share,
        "calls": found.calls,
        "sent": sent,
        "answered": back,
        "commands": inside,
        "seconds": taken,
    }
    yield Line(16, "messages, ample budget", world.ours.name, None, None, passed, note, figures)


def _counted(world: World) -> tuple[float, float, float]:
    """Return messages from guards, messages to them, and what those from them held."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(world.manager.where["metrics"], timeout=60) as answer:
        text = answer.read().decode()

    def total(name: str, words: str) -> float:
        return sum(map(float, re.findall(rf'^{name}{{\w+="(?:{words})"}} (\S+)$', text, re.M)))

    kinds = "Report|Hello|Bye|Outcomes|Question"
    messages = "manager_guard_messages_total"
    return (
        total(messages, "in"),
        total(messages, "out"),
        total("manager_guard_commands_total", kinds),
    )


def pause(world: World) -> Iterator[Line]:
    """Row 17: seconds from the end of `manager-agent pause` to the last call that went out."""
    api = world.manager.where["api"]
    with provider(hang=0.02) as truth, Agents(world.ours, truth, AMPLE) as agents:
        agents.start(endless=True, callers=10, pause=0.01)
        wait_for(truth, 50)
        began = time.time()
        done = run_command("pause", AMPLE, "--api-url", api, seconds=180)
        ended = time.time()
        time.sleep(3 * PAUSE_SECONDS)  # in which nothing more may come
        told = agents.stop()
        last = max(truth.bill().starts)
    run_command("resume", AMPLE, "--api-url", api)
    passed = done.returncode == 0 and last - ended < PAUSE_SECONDS and told.outcomes["refused"] > 0
    note = (
        f"last call {(last - ended) * 1000:+.0f} ms after the command ended, which took"
        f" {ended - began:.1f} s; {done.stderr.strip()[:200]}"
    )
    figures = {"seconds": last - ended, "outcomes": dict(told.outcomes)}
    yield Line(17, "pause to last call", world.ours.name, None, None, passed, note, figures)


def crowd(world: World) -> Iterator[Line]:
    """Row 18: a thousand guards connected at once, each with a lease, each renewing it."""
    holders = 200 if world.quick else 1000
    found = crowds.gathered(world.manager.where["otlp_grpc"], holders, AMPLE)
    passed = found.granted == holders and found.renewed == holders
    note = (
        f"{found.granted} of {holders} have a lease after {found.seconds:.1f} s,"
        f" answers p50 {found.p50_ms:.0f} ms, p99 {found.p99_ms:.0f} ms"
    )
    yield Line(
        18, f"{holders} processes connected", world.ours.name, None, None, passed, note, vars(found)
    )
