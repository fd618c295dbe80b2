"""From a refusal to start to a manager that serves again, by the command that it names."""

import json
from pathlib import Path

import pytest

from tests.harness.load import Load
from tests.harness.manager import manager, run_command, until
from tests.harness.rollups import assert_rollups_are_sums

FREE_PORTS = [f"--{name}-port=0" for name in ("otlp-grpc", "otlp-http", "api", "metrics")]


@pytest.mark.slow
def test_a_damaged_log_is_refused_repaired_and_served(tmp_path: Path) -> None:
    data = tmp_path / "data"
    at = ("--data-dir", str(data))
    with manager(data) as running:
        with Load(running.where, emitters=1, seed=11) as load:
            until("load", lambda: len(load.so_far()) > 50)
            load.abandon()
        in_use = run_command("repair", *at)
        assert in_use.returncode == 1
        assert "in use by another process" in in_use.stderr
        known = set(load.so_far().values())
        running.kill()
    log = data / "manager.duckdb.wal"
    whole = log.read_bytes()
    damaged = bytearray(whole)
    damaged[len(whole) // 2] ^= 16
    log.write_bytes(damaged)

    refused = run_command("serve", *at, *FREE_PORTS)
    assert refused.returncode == 1
    assert f"{log} is damaged" in refused.stderr
    assert f"manager-agent repair --data-dir {data}" in refused.stderr

    looked = run_command("repair", *at, "--dry-run", "--json")
    assert looked.returncode == 1
    assert log.read_bytes() == damaged
    mended = run_command("repair", *at, "--json")
    assert mended.returncode == 0, mended.stderr
    said = json.loads(mended.stdout)
    assert said["facts"] == json.loads(looked.stdout)["facts"]
    assert said["control"] == {"state": "sound", "damage": []}
    assert (Path(said["kept_in"]) / log.name).read_bytes() == damaged
    assert "sound" in run_command("repair", *at).stdout

    with manager(data) as again:
        kept = set(again.column("SELECT response_id FROM llm_calls"))
        assert kept <= known | {f"chatcmpl-{number:07}" for number in range(load.calls + 1)}
        assert len(kept) == said["facts"]["tables"]["calls_open"]
        assert_rollups_are_sums(again)
        assert again.stop() == 0


def test_what_is_no_data_directory_is_said(tmp_path: Path) -> None:
    done = run_command("repair", "--data-dir", str(tmp_path / "none"))

    assert done.returncode == 1
    assert "is no directory" in done.stderr
