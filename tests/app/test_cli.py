"""The command line: each command helps, says what was wrong, and exits 0 only on success."""

import json
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

import pytest
import typer
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from manager_agent.app import dispatch
from manager_agent.app.cli import PARTS, built
from manager_agent.rules.registry import catalog
from tests.harness.captures import CAPTURES, Capture, captures, verdict
from tests.harness.otlp import as_json, one_call, request

SERVER = ("typer", "duckdb", "polars", "pyarrow", "pydantic", "genai_prices", "starlette")
INSTALL = 'pip install "manager-agent[server]"'


@pytest.fixture(autouse=True)
def _nobodys_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Away from the repository's configuration and from the user's."""
    monkeypatch.chdir(tmp_path)
    for name in ("MANAGER_CONFIG_PATH", "MANAGER_DATA_DIR", "MANAGER_API_URL", "MANAGER_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)


class Said:
    """What a command printed, and its exit code."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    def __repr__(self) -> str:
        return f"exit code {self.code}\n{self.out}\n{self.err}"

    @property
    def lines(self) -> list[Any]:
        """The JSON of each line."""
        return [json.loads(line) for line in self.out.splitlines()]


class Run:
    """Runs commands in this process: starting Python for each would take a second."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: str | Path) -> Said:
        code = dispatch.main([str(each) for each in arguments])
        found = self._capsys.readouterr()
        return Said(code, found.out, found.err)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    return Run(capsys)


def lacking(monkeypatch: pytest.MonkeyPatch, missing: Sequence[str]) -> None:
    """Let it look as if packages were not installed."""

    def find(name: str) -> ModuleSpec | None:
        return None if name in missing else ModuleSpec(name, None)

    monkeypatch.setattr(dispatch, "find_spec", find)


def closed_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


# The dispatcher


@pytest.mark.parametrize("missing", [SERVER, ["polars"]], ids=["all of it", "one package"])
@pytest.mark.parametrize("given", [["serve"], ["sql", "SELECT 1"], ["nonsense"], []], ids=str)
def test_a_light_install_says_how_to_install_the_server(
    run: Run, monkeypatch: pytest.MonkeyPatch, missing: Sequence[str], given: list[str]
) -> None:
    lacking(monkeypatch, missing)

    said = run(*given)

    assert said.code == 2
    assert said.out == ""
    assert INSTALL in said.err
    assert f"({', '.join(missing)})" in said.err
    assert "doctor" in said.err


@pytest.mark.parametrize("missing", [SERVER, ()], ids=["light", "full"])
def test_doctor_runs_in_every_install(
    run: Run, monkeypatch: pytest.MonkeyPatch, missing: Sequence[str]
) -> None:
    nobody = f"http://127.0.0.1:{closed_port()}"
    monkeypatch.setenv("MANAGER_ENDPOINT", nobody)
    monkeypatch.setenv("MANAGER_API_URL", nobody)
    lacking(monkeypatch, missing)

    said = run("doctor")

    assert said.code == 1
    assert "ok   opentelemetry-sdk" in said.out
    assert "FAIL OTLP endpoint" in said.out


# Usage


def paths(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the words of every command and group below `group`."""
    for name, command in getattr(group, "commands", {}).items():
        yield (*path, name)
        yield from paths(command, (*path, name))


COMMANDS = sorted(paths(typer.main.get_command(built())))


def test_each_command_is_in_the_file_that_is_named_for_it() -> None:
    lines = {part: typer.main.get_command(built(of[0])) for part, of in PARTS.items()}
    found = {part: {words[0] for words in paths(line)} for part, line in lines.items()}

    assert found == {part: set(commands) for part, commands in PARTS.items()}


def test_who_pauses_an_agent_does_not_wait_for_what_others_need() -> None:
    code = (
        "import sys; from manager_agent.app.dispatch import main;"
        " main(['pause', 'a', '--api-url', 'http://127.0.0.1:1']);"
        " print(sorted({'polars', 'duckdb', 'starlette', 'grpc'} & set(sys.modules)))"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )

    assert done.stdout == "[]\n"


def test_every_command_of_the_design_that_is_there_is_found() -> None:
    names = {" ".join(words) for words in COMMANDS}
    assert {
        "serve", "demo", "decode", "sql", "status", "agents", "doctor", "alerts list",
        "prices show", "prices check", "rules list", "rules explain", "config check",
        "config explain", "config schema",
    } <= names  # fmt: skip


@pytest.mark.parametrize("words", [(), *COMMANDS], ids=" ".join)
def test_it_helps(run: Run, words: tuple[str, ...]) -> None:
    """Each says in a line what it does, and what each of its options means."""
    said = run(*words, "--help")

    assert said.code == 0
    assert said.err == ""
    assert said.out.startswith(f"Usage: {' '.join(('manager-agent', *words))} ")
    about = said.out.split("\n\n")[1].strip()
    assert re.match(r"[A-Z].*[.:]", about, re.DOTALL), about
    options = re.findall(r"^  (--\S+)(.*(?:\n {4,}.*)*)", said.out, re.MULTILINE)
    assert "--help" in [name for name, _ in options]
    bare = [name for name, text in options if not re.search(r"[a-z]{2}", text)]
    assert bare == []


@pytest.mark.parametrize(
    ("words", "meant"),
    [(["decod"], "decode"), (["config", "chekc"], "check"), (["rules", "lsit"], "list")],
    ids=["decod", "config chekc", "rules lsit"],
)
def test_a_misspelt_command_is_guessed(run: Run, words: list[str], meant: str) -> None:
    said = run(*words)

    assert said.code == 2
    assert said.out == ""
    assert f"No such command '{words[-1]}'" in said.err
    assert re.search(rf"Did you mean .*'{meant}'", said.err)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["decode"], "Missing argument"),
        (["decode", "x.pb", "--signal", "smoke"], "'smoke' is not one of"),
        (["serve", "--api-port", "70000"], "'--api-port': Input should be less than or equal"),
        (["demo", "--seconds", "soon"], "'--seconds': Input should be a valid number"),
        (["status", "--jsno"], "No such option: --jsno"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_usage_exits_2_and_says_what_was_wrong(run: Run, words: list[str], told: str) -> None:
    said = run(*words)

    assert said.code == 2
    assert told in " ".join(said.err.split())


# decode

THREE = [
    "openllmetry-openai/chat_cached.pb",
    "claude-code/print_hi.pb",
    "anthropic-native/retry_429_ok.pb",
]


def case(name: str) -> Capture:
    return next(each for each in captures() if each.name == name)


def test_decode_prints_a_line_for_each_file_in_the_order_given(run: Run) -> None:
    files = [str(CAPTURES / name) for name in THREE]

    said = run("decode", *files, "--json")

    assert said.code == 0
    assert [line["file"] for line in said.lines] == files
    for name, line in zip(THREE, said.lines, strict=True):
        assert verdict(case(name).truth, line["calls"]) is None, name
        assert list(line) == ["file", "calls", "dropped", "error"]
        assert line["error"] is None


def test_decode_gives_a_file_the_name_it_was_given(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here.pb").write_bytes(case(THREE[0]).payload)

    assert run("decode", "./here.pb", "--json").lines[0]["file"] == "./here.pb"


def test_a_bad_file_has_its_error_and_the_rest_go_on(run: Run, tmp_path: Path) -> None:
    broken = tmp_path / "broken.pb"
    broken.write_bytes(b"\xff\xff\xff\xff")
    good = str(CAPTURES / THREE[0])

    said = run("decode", tmp_path / "none.pb", good, broken, good, "--json")

    assert said.code == 1
    errors = [line["error"] for line in said.lines]
    assert errors[0].startswith(f"{tmp_path}/none.pb: ")
    assert errors[2].startswith(f"{broken}: ")
    assert errors[1] is errors[3] is None
    assert [len(line["calls"]) for line in said.lines] == [0, 1, 0, 1]


PRINT_HI = [
    "claude-code/print_hi.pb",
    "claude-code/print_hi.logs.pb",
    "claude-code/print_hi.metrics.pb",
]


@pytest.mark.parametrize("name", PRINT_HI)
def test_any_signal_of_a_run_tells_its_calls(run: Run, name: str) -> None:
    said = run("decode", CAPTURES / name, "--json")

    assert said.code == 0
    assert verdict(case(PRINT_HI[0]).truth, said.lines[0]["calls"]) is None


@pytest.mark.parametrize("order", [PRINT_HI, PRINT_HI[::-1], PRINT_HI[1:], PRINT_HI * 2])
def test_all_signals_together_tell_them_once(run: Run, order: list[str]) -> None:
    said = run("decode", "--together", *(CAPTURES / name for name in order), "--json")

    assert said.code == 0
    assert verdict(case(PRINT_HI[0]).truth, said.lines[0]["calls"]) is None


@pytest.mark.parametrize("kind", ["logs", "metrics"])
def test_the_signal_can_be_named(run: Run, tmp_path: Path, kind: str) -> None:
    file = tmp_path / "recorded"
    file.write_bytes((CAPTURES / f"claude-code/print_hi.{kind}.pb").read_bytes())

    assert len(run("decode", file, "--signal", kind, "--json").lines[0]["calls"]) == 1


def test_what_is_named_traces_is_read_as_such(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "really-traces.logs.pb"
    file.write_bytes(case(THREE[0]).payload)

    assert len(run("decode", file, "--signal", "traces", "--json").lines[0]["calls"]) == 1


def test_json_is_read_as_protobuf_is(run: Run, tmp_path: Path) -> None:
    names = []
    for number, name in enumerate(THREE):
        path = tmp_path / f"{number}.json"
        path.write_bytes(b" \n" + as_json(case(name).message))
        names.append(path)

    as_text = run("decode", *names, "--json")
    as_binary = run("decode", *(CAPTURES / name for name in THREE), "--json")

    assert as_text.code == 0
    assert [line["calls"] for line in as_text.lines] == [line["calls"] for line in as_binary.lines]


def test_json_that_is_no_request_has_its_error(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "cut.json"
    path.write_bytes(b'{"resourceSpans": [')

    said = run("decode", path, "--json")

    assert said.code == 1
    assert "no OTLP/JSON request of traces" in said.lines[0]["error"]


def halves(name: str, folder: Path) -> list[Path]:
    """Write the spans of a capture into two files, those of its scopes in turn."""
    pieces = [ExportTraceServiceRequest(), ExportTraceServiceRequest()]
    number = 0
    for resource_spans in case(name).message.resource_spans:
        for scope_spans in resource_spans.scope_spans:
            into = pieces[number % 2].resource_spans.add()
            into.resource.CopyFrom(resource_spans.resource)
            into.scope_spans.add().CopyFrom(scope_spans)
            number += 1
    assert number > 1, "one scope alone: nothing to tell apart"
    files = [folder / "one.pb", folder / "two.pb"]
    for file, piece in zip(files, pieces, strict=True):
        file.write_bytes(piece.SerializeToString())
    return files


DOUBLE = "double-openinference-litellm+openai/completion_cached.pb"


def test_together_doubles_are_found_across_files(run: Run, tmp_path: Path) -> None:
    files = halves(DOUBLE, tmp_path)

    apart = run("decode", *files, "--json").lines
    (together,) = run("decode", *files, "--together", "--json").lines

    assert [len(line["calls"]) for line in apart] == [1, 1]
    assert together["file"] is None
    assert verdict(case(DOUBLE).truth, together["calls"]) is None
    assert together["calls"][0]["emitters"].count(",") == 1


def test_together_the_order_of_files_does_not_matter(run: Run, tmp_path: Path) -> None:
    files = halves(DOUBLE, tmp_path)

    forth = run("decode", *files, "--together", "--json").lines
    back = run("decode", *reversed(files), "--together", "--json").lines

    assert forth == back


def test_together_a_span_in_two_files_counts_once(run: Run) -> None:
    file = CAPTURES / THREE[0]

    (apart, _) = run("decode", file, file, "--json").lines
    (line,) = run("decode", file, file, "--together", "--json").lines

    assert line["calls"] == apart["calls"]
    assert line["dropped"]["duplicate"] == len(set(spans_of(file)))
    assert "duplicate" not in apart["dropped"]


def spans_of(file: Path) -> list[bytes]:
    message = ExportTraceServiceRequest.FromString(file.read_bytes())
    groups = (group for each in message.resource_spans for group in each.scope_spans)
    return [span.span_id for group in groups for span in group.spans]


def test_together_every_bad_file_is_named(run: Run, tmp_path: Path) -> None:
    one, two = tmp_path / "one.pb", tmp_path / "two.pb"

    said = run("decode", one, CAPTURES / THREE[0], two, "--together", "--json")

    (line,) = said.lines
    assert said.code == 1
    assert len(line["calls"]) == 1
    assert str(one) in line["error"]
    assert str(two) in line["error"]


def test_decode_shows_people_a_table(run: Run, tmp_path: Path) -> None:
    said = run("decode", CAPTURES / THREE[1], tmp_path / "none.pb")

    assert said.code == 1
    assert "claude-code" in said.out
    assert "anthropic" in said.out
    assert "error:" in said.out


def test_decode_takes_prices_from_the_configuration(run: Run, tmp_path: Path) -> None:
    config = tmp_path / "mine.yaml"
    config.write_text(
        "prices: {custom: [{provider: openai, model: house-7b,"
        " input_usd_per_mtok: 1, output_usd_per_mtok: 2}]}"
    )
    file = tmp_path / "house.pb"
    names = {f"gen_ai.{which}.model": "house-7b" for which in ("request", "response")}
    file.write_bytes(request([one_call("s", 1, **names)]).SerializeToString())

    (plain,) = run("decode", file, "--json").lines
    (mine,) = run("decode", file, "--config", config, "--json").lines

    assert (plain["calls"][0]["cost_usd"], plain["calls"][0]["cost_source"]) == (None, "unpriced")
    assert mine["calls"][0]["cost_usd"] == 0.0012  # 1000 in, 100 out


# config

MISTAKES = """\
agent_budgets: {default: {hourly_limit_usd: -1, dayly_limit_usd: 3}}
budgets: {warn_at: nope}
timezone: Europe/Berlim
rules: {budgt: {}, unpriced_model: {min_calls: 0}}
"""


def test_config_check_names_every_mistake_at_once(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(MISTAKES)

    said = run("config", "check", "--config", path)

    assert said.code == 1
    assert said.out == ""
    assert said.err.startswith(f"manager-agent: {path}: 6 problems\n")
    for key, cure in {
        "agent_budgets.default.hourly_limit_usd": "found -1; must be 0 or more",
        "agent_budgets.default.dayly_limit_usd": "did you mean daily_limit_usd?",
        "budgets.warn_at": "must be a list",
        "timezone": "did you mean Europe/Berlin?",
        "rules.budgt": "did you mean budget?",
        "rules.unpriced_model.min_calls": "greater than or equal to 1",
    }.items():
        (line,) = [line for line in said.err.splitlines() if line.startswith(f"  {key}: ")]
        assert cure in line


def test_config_check_says_which_file_is_well(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "good.yaml"
    path.write_text("timezone: Europe/Berlin\n")

    assert run("config", "check", "--config", path).out == f"{path}: ok\n"
    assert run("config", "check").out == "no file: the defaults: ok\n"


def test_config_check_of_no_file_fails(run: Run, tmp_path: Path) -> None:
    said = run("config", "check", "--config", tmp_path / "none.yaml")

    assert said.code == 1
    assert "cannot be read" in said.err
    assert "--config" in said.err


def test_config_explain_and_schema_agree_on_the_keys(run: Run) -> None:
    schema = json.loads(run("config", "schema").out)
    explained = run("config", "explain").out

    assert "agent_budgets" in schema["properties"]
    assert [key for key in schema["properties"] if key not in explained] == []


def test_config_explain_of_one_key(run: Run) -> None:
    known, unknown = run("config", "explain", "budgets.warn_at"), run("config", "explain", "budgts")

    assert (known.code, unknown.code) == (0, 1)
    assert "0.5" in known.out
    assert "did you mean budgets" in unknown.err


# prices and rules


def test_prices_show_lists_the_units_of_a_model(run: Run) -> None:
    said = run("prices", "show", "gpt-4o", "--provider", "openai", "--json")

    base = {row["unit"]: row["usd"] for row in json.loads(said.out) if not row["tier"]}
    assert said.code == 0
    assert (base["input_mtok"], base["output_mtok"]) == ("2.5", "10")


def test_prices_show_prints_its_units_whole_also_into_a_pipe(run: Run) -> None:
    said = run("prices", "show", "gpt-4o")

    assert said.code == 0
    for word in ("cache_read_mtok", "output_mtok", "azure.ai.openai", "service_tier=priority"):
        assert word in said.out
    assert "…" not in said.out


def test_prices_show_of_an_unknown_model_says_what_to_do(run: Run) -> None:
    said = run("prices", "show", "house-7b")

    assert said.code == 1
    assert "'house-7b'" in said.err
    assert "prices.custom" in said.err


def test_rules_list_has_a_line_for_each_rule(run: Run) -> None:
    nobody = ("--api-url", "http://127.0.0.1:1")
    lines = run("rules", "list", *nobody).out.splitlines()
    found = json.loads(run("rules", "list", "--json", *nobody).out)

    names = sorted(catalog())
    assert [line.split()[1] for line in lines if line.startswith("│")] == names
    assert [one["name"] for one in found] == names
    assert all(one["summary"].endswith(".") for one in found)
    assert {one["state"] for one in found} == {"on"}


@pytest.mark.parametrize("name", sorted(catalog()))
def test_rules_explain_says_what_a_rule_does_and_its_settings(run: Run, name: str) -> None:
    said = run("rules", "explain", name, "--api-url", "http://127.0.0.1:1")

    assert said.code == 0
    assert said.out.startswith(f"{name} (on)\n")
    fields = getattr(catalog()[name], "__dataclass_fields__", {})
    settings = re.findall(r"^  (\w+): .+\n      \S", said.out, re.MULTILINE)
    assert settings == ["enabled", *fields]


def test_rules_explain_shows_what_the_configuration_says(run: Run, tmp_path: Path) -> None:
    config = tmp_path / "c.yaml"
    config.write_text("rules: {unpriced_model: {enabled: false, min_calls: 7}}")

    said = run(
        *("rules", "explain", "unpriced_model", "--config", str(config)),
        *("--api-url", "http://127.0.0.1:1"),
    )

    assert said.out.startswith("unpriced_model (off)\n")
    assert "  min_calls: 7, default 1\n" in said.out
    assert "  enabled: false, default true\n" in said.out


def test_rules_explain_of_an_unknown_rule_names_those_there_are(run: Run) -> None:
    said = run("rules", "explain", "budgt")

    assert said.code == 1
    assert "budget" in said.err


# Asking a running manager

ASKING = [
    ["status"],
    ["agents"],
    ["alerts", "list"],
    ["sql", "SELECT 1"],
    ["prices", "check"],
]


@pytest.mark.parametrize("words", ASKING, ids=" ".join)
@pytest.mark.parametrize("more", [[], ["--json"]], ids=["", "json"])
def test_where_no_manager_runs_it_says_how_to_start_one(
    run: Run, words: list[str], more: list[str]
) -> None:
    url = f"http://127.0.0.1:{closed_port()}"

    said = run(*words, *more, "--api-url", url)

    assert said.code == 1
    assert said.out == ""
    assert said.err.startswith(f"manager-agent: no manager answers at {url}")
    assert "manager-agent serve" in said.err


@contextmanager
def answering(status: int, body: bytes) -> Iterator[str]:
    """Serve one answer to everything; yields the address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.do_GET()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("words", ASKING, ids=" ".join)
@pytest.mark.parametrize(
    ("status", "body"), [(500, b"oops"), (200, b"<html>")], ids=["500", "no JSON"]
)
def test_an_answer_that_is_none_is_no_success(
    run: Run, words: list[str], status: int, body: bytes
) -> None:
    """Another program may listen on the port."""
    with answering(status, body) as url:
        said = run(*words, "--api-url", url)

    assert said.code == 1
    assert said.err.startswith("manager-agent: ")
    assert url in said.err
    assert len(said.err.splitlines()) == 1


@pytest.mark.parametrize(("state", "code"), [("ok", 0), ("degraded", 1)])
def test_status_exits_0_only_where_all_is_well(
    run: Run, state: str, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = {"status": state, "agents": 3, "slack": None, "budgets": None}
    with answering(200, json.dumps(body).encode()) as url:
        monkeypatch.setenv("MANAGER_API_URL", url)
        shown, said = run("status"), run("status", "--json")

    assert said.code == shown.code == code
    assert json.loads(said.out) == {**body, "pauses": []}
    assert state in shown.out
