"""`manager-agent bench`."""

import json
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from manager_agent.app.options import Json, told


def add_to(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(bench)


def bench(
    seconds: Annotated[
        float, typer.Option(min=1, max=600, help="How long, after a warm-up of 1.5 s.")
    ] = 10.0,
    exporters: Annotated[int, typer.Option(min=1, max=256, help="Sending at a time.")] = 8,
    spans: Annotated[int, typer.Option(min=1, max=8192, help="In each request.")] = 512,
    content: Annotated[
        bool, typer.Option("--content", help="With 4 KB of prompt in each call.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Measure how much a manager takes in on this machine: one of its own, in a temporary place.

    The load runs here, too: what it costs is told beside what the manager costs. Ends when a query
    finds all that was acknowledged, which may take some minutes.
    """
    from manager_agent.api.sql_client import SqlClientError
    from manager_agent.app.bench.fleet import FleetError
    from manager_agent.app.bench.measure import Case, measure
    from manager_agent.app.bench.payload import Shape
    from manager_agent.app.bench.served import served
    from manager_agent.app.demo.ready import DemoFailed

    with (
        told(FleetError, DemoFailed, SqlClientError, OSError),
        tempfile.TemporaryDirectory(prefix="manager-bench-") as folder,
        served(Path(folder), {}) as manager,
    ):
        case = Case(exporters, Shape(spans, content))
        found = measure(manager.receiver(), case, seconds)
    if as_json:
        print(json.dumps(asdict(found)))
        return
    print(f"{exporters} exporters, {spans} spans a request, {seconds:g} s")
    print(f"acknowledged      {found.acked_per_s:,.0f} spans/s, {found.calls_per_s:,.0f} calls/s")
    print(f"until answered    p50 {found.p50_ms:,.0f} ms, p99 {found.p99_ms:,.0f} ms")
    if found.queryable_per_s is not None:
        print(f"stored            {found.queryable_per_s:,.0f} spans/s, until a query finds all")
    if found.cpu_s_per_million is not None:
        print(f"processor         {found.cpu_s_per_million:,.1f} s for a million spans")
    print(f"of the load       {found.client_cpu_s_per_million:,.1f} s for a million spans")
    if found.rss_peak_mib is not None:
        print(f"memory            {found.rss_peak_mib:,.0f} MiB at most")
