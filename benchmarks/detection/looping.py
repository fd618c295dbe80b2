"""Loops without progress: each writes rounds, and says when its third repeat was made.

What is shown of them decides what can be known: `PROVABLE` are told by what is equal; of `OPAQUE`
nothing is, neither steps nor counts, and only what they say could tell; they are counted apart.
"""

from collections.abc import Callable, Mapping

from benchmarks.detection.run import Run

Marked = Callable[[], None]


def same_tool(run: Run, rounds: int, done: Marked) -> None:
    """One tool, the same arguments, the same result; the model words its thought anew at times."""
    words = run.random.random() < 0.5 and run.emitter in ("full", "tools", "arguments")
    for _ in range(rounds):
        run.call("result", run.new() if words else "again", new=180, output=None if words else 40)
        run.tool("search", "query", "nothing found")
        done()


def round_of_two(run: Run, rounds: int, done: Marked) -> None:
    """Two tools in turn."""
    _round(run, rounds, done, 2)


def round_of_three(run: Run, rounds: int, done: Marked) -> None:
    """Three tools in turn."""
    _round(run, rounds, done, 3)


def _round(run: Run, rounds: int, done: Marked, length: int) -> None:
    for _ in range(rounds):
        for n in range(length):
            run.call(f"result {n}", f"step {n}", new=100 + 30 * n, output=30 + 7 * n)
            run.tool(f"tool_{n}", f"arguments {n}", f"result {n}")
        done()


def resend(run: Run, rounds: int, done: Marked) -> None:
    """The same request as a whole, again and again."""
    for _ in range(rounds):
        run.call("all of it", "the answer", new=2400, output=120, alone=True)
        run.rest(run.random.uniform(0, 1.5))
        done()


def storm(run: Run, rounds: int, done: Marked) -> None:
    """A client that times out at once and asks again, many times a second, each one paid."""
    for _ in range(rounds * 6):
        run.call("all of it", "", new=3000, output=30, lasts=0.08, alone=True)
        done()


def same_error(run: Run, rounds: int, done: Marked) -> None:
    """A tool fails in the same way for the same arguments, and is called again at once."""
    for _ in range(rounds):
        run.call("it failed", "again", new=150, output=45)
        run.tool("write_file", "path", "", error="PermissionError")
        done()


def any_arguments(run: Run, rounds: int, done: Marked) -> None:
    """A tool fails in the same way whatever it is given."""
    for _ in range(rounds):
        run.call("it failed", run.new(), new=150)
        run.tool("query", run.new(), "", error="AccessDenied")
        done()


def hand_over(run: Run, rounds: int, done: Marked) -> None:
    """Two agents hand the same task to each other."""
    one, other = run.agent, f"{run.agent}_reviewer"
    for _ in range(rounds):
        for agent in (one, other):
            run.agent = agent
            run.call(f"please, {agent}", f"no, you, {agent}", new=120, output=60)
        done()
    run.agent = one


def in_the_dark(run: Run, rounds: int, done: Marked) -> None:
    """Ever new queries that find nothing: it looks as file by file does, answered `ok`."""
    for _ in range(rounds):
        run.call(run.new(), run.new())
        run.tool("search", run.new(), "nothing found")
        done()


Looping = Callable[[Run, int, Marked], None]
PROVABLE: Mapping[str, Looping] = {
    one.__name__: one
    for one in (
        *(same_tool, round_of_two, round_of_three, resend),
        *(storm, same_error, any_arguments, hand_over),
    )
}
OPAQUE: Mapping[str, Looping] = {one.__name__: one for one in (in_the_dark,)}
