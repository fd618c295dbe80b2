"""What agents legitimately do, hard negatives included: each writes one run of a kind of work."""

from collections.abc import Callable, Mapping

from benchmarks.detection.run import Run


def chat(run: Run) -> None:
    """People talk with an agent: input grows, every turn is new."""
    run.conversation = run.new()
    for _ in range(run.random.randint(3, 40)):
        run.trace = run.new()
        run.call(run.new(), run.new())
        run.rest(run.random.expovariate(1 / 25))


def code(run: Run) -> None:
    """Reads, edits, tests again and again; the tests fail in the same way for a while."""
    failing = run.new()
    for _ in range(run.random.randint(5, 40)):
        run.call(run.new(), run.new())
        kind = run.random.random()
        if kind < 0.45:
            run.tool("read_file", run.new(), run.new())
        elif kind < 0.75:
            run.tool("edit_file", run.new(), "ok")
        elif kind < 0.9:
            failing = failing if run.random.random() < 0.6 else run.new()
            run.tool("run_tests", "all", failing, lasts=run.random.uniform(2, 40))
        else:
            run.tool("git_status", "", run.random.choice(["clean", "dirty", run.new()]))


def move(run: Run) -> None:
    """File by file: the same tool, other arguments, mostly one and the same `ok`."""
    answer = run.random.random() < 0.7
    for _ in range(run.random.randint(15, 120)):  # names differ in length by some tokens
        new, output = run.random.randint(12, 17), run.random.randint(40, 46)
        run.call("ok" if answer else run.new(), run.new(), new=new, output=output)
        run.tool("move_file", run.new(), "ok" if answer else run.new())


def pages(run: Run) -> None:
    """Turns pages: the same arguments each time, other results."""
    for _ in range(run.random.randint(5, 60)):
        run.tool("next_page", "", run.new())
        if run.random.random() < 0.7:
            run.call(run.new(), run.new())


def poll(run: Run) -> None:
    """Waits for a job: same arguments, same result, at regular or growing intervals."""
    name = run.random.choice(
        ["get_job_status", "poll_export", "check_build_status", "fetch_export"]
    )
    plain = name == "fetch_export"  # its name does not tell that it waits
    wait, growing = run.random.uniform(20 if plain else 4, 60), run.random.random() < 0.4
    job = run.new()
    thinks = run.random.random() < 0.5
    for n in range(run.random.randint(5, 60)):
        run.tool(name, job, "running", lasts=run.random.uniform(0.05, 0.4))
        if thinks:
            run.call("running", f"wait {job}", new=60, output=25)
        run.rest(min(2.0 * 1.6**n, 120) if growing else wait * run.random.uniform(0.97, 1.03))
    run.tool(name, job, run.new())
    run.call(run.new(), run.new())


def retry(run: Run) -> None:
    """A tool or a provider fails for a while; tries again after longer and longer."""
    job, tool = run.new(), run.random.random() < 0.5
    for n in range(run.random.randint(2, 7)):
        if tool:
            run.tool("http_get", job, "", error="timeout", lasts=run.random.uniform(0.5, 3))
        else:
            run.call(job, "", error="429", lasts=0.2, alone=True)
        run.rest(min(1.0 * 2**n * run.random.uniform(0.9, 1.25), 60))
    run.call(run.new(), run.new())


def batch(run: Run) -> None:
    """A job maps one template over many documents, each a call, some side by side."""
    traced = run.random.random() < 0.5
    for _ in range(run.random.randint(30, 300)):
        if not traced:
            run.trace = run.new()
        size, output = run.sizes.tokens(run.random)
        run.call(run.new(), run.new(), new=size, output=output, alone=True)
        if run.random.random() < 0.5:
            run.seconds -= run.rows.calls[-1]["duration_ms"] / 1000 * run.random.random()


def ask(run: Run) -> None:
    """A help desk: one call a question, and people often ask the same."""
    for _ in range(run.random.randint(20, 120)):
        run.trace = run.new()
        number = min(int(run.random.paretovariate(0.9)), 400)
        run.call(
            f"faq {number}", f"reply {number}", new=200 + number, output=30 + number, alone=True
        )
        run.rest(run.sizes.seconds(run.random, 12.0))


def lead(run: Run) -> None:
    """One agent hands tasks to another and reads what comes back."""
    boss, worker = run.agent, f"{run.agent}_worker"
    for _ in range(run.random.randint(3, 15)):
        run.agent = boss
        run.call(run.new(), run.new())
        run.agent = worker
        run.call(run.new(), run.new())
        run.tool("search", run.new(), run.new())
        run.call(run.new(), run.new())
    run.agent = boss


def sample(run: Run) -> None:
    """Asks the same several times side by side, and votes."""
    for _ in range(run.random.randint(1, 6)):
        question, before = run.new(), run.seconds
        for _ in range(run.random.randint(3, 8)):
            run.seconds = before + run.random.uniform(0, 0.1)
            run.call(question, run.new(), new=900, alone=True)
        run.call(run.new(), run.new())


def cron(run: Run) -> None:
    """Looks whether there is anything to do, each minute or so, and mostly there is not."""
    every = run.random.choice([30, 60, 120])
    for _ in range(run.random.randint(20, 60)):
        run.trace = run.new()
        run.call("anything?", "no", new=400, output=12, alone=True)
        run.rest(every)


Work = Callable[[Run], None]
WORK: Mapping[str, Work] = {
    one.__name__: one
    for one in (chat, code, move, pages, poll, retry, batch, ask, lead, sample, cron)
}
