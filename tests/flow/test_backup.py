"""Backup under load, by the commands: nothing stalls, and all that was acknowledged comes back."""

import json
from pathlib import Path

import pytest

from tests.harness.load import Load
from tests.harness.manager import manager, run_command, until
from tests.harness.rollups import assert_rollups_are_sums


@pytest.mark.slow
def test_a_backup_under_load_holds_what_was_acknowledged(tmp_path: Path) -> None:
    data, backup, new = tmp_path / "data", tmp_path / "b" / "backup.tar.gz", tmp_path / "new"
    (tmp_path / "b").mkdir()
    with manager(data) as running:
        with Load(running.where, emitters=1, seed=8) as load:
            until("load", lambda: len(load.so_far()) > 100)
            before = load.so_far()
            made = run_command(
                *("backup", str(backup), "--json"),
                *("--data-dir", str(data), "--api-url", running.where["api"]),
            )
            assert made.returncode == 0, made.stderr
            said = json.loads(made.stdout)
            load.finish()
        refused = run_command("restore", str(backup), "--data-dir", str(data), "--force")
        assert refused.returncode == 1
        assert "in use by another process" in refused.stderr
        assert running.stop() == 0
    assert said["of_running_manager"]
    assert said["bytes"] == backup.stat().st_size
    assert [path.name for path in backup.parent.iterdir()] == [backup.name]
    assert not (data / "backup-staging").exists()

    restored = run_command("restore", str(backup), "--data-dir", str(new))
    assert restored.returncode == 0, restored.stderr
    with manager(new) as again:
        kept = set(again.column("SELECT response_id FROM llm_calls"))
        assert set(before.values()) <= kept
        assert kept <= {f"chatcmpl-{number:07}" for number in range(1, load.calls + 1)}
        assert_rollups_are_sums(again)


def test_a_backup_at_rest_and_one_of_another_manager(tmp_path: Path) -> None:
    data, other = tmp_path / "data", tmp_path / "other"
    with manager(data) as running:
        running.stop()
    at_rest = run_command("backup", str(tmp_path), "--data-dir", str(data), "--json")
    assert at_rest.returncode == 0, at_rest.stderr
    said = json.loads(at_rest.stdout)
    assert not said["of_running_manager"]
    assert Path(said["path"]).parent == tmp_path

    with manager(data), manager(other) as wrong:
        wrongly = run_command(
            *("backup", str(tmp_path / "b"), "--data-dir", str(data)),
            *("--api-url", wrong.where["api"]),
        )
    assert wrongly.returncode == 1
    assert f"runs on {other}, not on {data}" in wrongly.stderr
    assert not (tmp_path / "b").exists()
