"""`manager-agent tokens`: makes tokens that work as shown, and lists them without a secret."""

import json
from pathlib import Path

import pytest
import yaml

from manager_agent.app.dispatch import main
from manager_agent.app.settings import parse
from manager_agent.app.tokens import TokenError, known_tokens
from manager_agent.contract.token import digest_of


def printed(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(["tokens", *words]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "section", "agent"),
    [
        pytest.param([], "receiver", None, id="anyone"),
        pytest.param(["--agent", "it's: me"], "receiver", "it's: me", id="an agent"),
        pytest.param(["--api"], "api", None, id="an asker"),
    ],
)
def test_what_new_prints_is_a_configuration_and_an_environment(
    words: list[str], section: str, agent: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    text = printed(capsys, "new", *words)
    settings = parse(
        "\n".join(line for line in text.splitlines() if not line.startswith("export")).encode(),
        "printed",
        {},
    )
    exports = dict(
        line.removeprefix("export ").split("=", 1)
        for line in text.splitlines()
        if line.startswith("export")
    )

    entries = getattr(settings, section).tokens
    [token] = known_tokens(f"{section}.tokens", entries, {})
    secret = exports["MANAGER_API_TOKEN" if section == "api" else "MANAGER_TOKEN"]
    assert (token.digest, token.agent) == (digest_of(secret), agent)
    if section == "receiver":
        header = f"authorization=Bearer%20{secret}"
        assert exports["OTEL_EXPORTER_OTLP_HEADERS"] == header


def test_new_is_new_each_time_and_long(capsys: pytest.CaptureFixture[str]) -> None:
    made = [json.loads(printed(capsys, "new", "--json")) for _ in range(3)]

    assert len({one["token"] for one in made}) == 3
    assert all(len(one["token"]) > 40 for one in made)


def test_a_token_in_a_file_is_for_its_owner_and_not_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "its token"
    text = printed(capsys, "new", "--file", str(path))
    secret = path.read_text("ascii").strip()

    assert path.stat().st_mode & 0o777 == 0o600
    assert secret not in text
    assert json.dumps({"token_file": str(path)}) in text
    assert main(["tokens", "new", "--file", str(path)]) == 1
    assert "its token" in capsys.readouterr().err
    assert path.read_text("ascii").strip() == secret


def test_list_shows_everything_but_the_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    secrets = ["mgr_in-the-file-itself", "mgr_in-a-file-of-its-own", "mgr_in-the-environment"]
    (tmp_path / "token").write_text(f"{secrets[1]}\n", "utf-8")
    monkeypatch.setenv("ITS_TOKEN", secrets[2])
    config = {
        "receiver": {"tokens": [secrets[0], {"token_file": str(tmp_path / "token"), "agent": "a"}]},
        "api": {"tokens": [{"token_env": "ITS_TOKEN", "name": "grafana"}]},
    }
    path = tmp_path / "manager.yaml"
    path.write_text(yaml.safe_dump(config), "utf-8")

    rows = json.loads(printed(capsys, "list", "--config", str(path), "--json"))
    table = printed(capsys, "list", "--config", str(path))

    assert [(row["section"], row["name"], row["agent"]) for row in rows] == [
        ("receiver", "token 0", None),
        ("receiver", "a", "a"),
        ("api", "grafana", None),
    ]
    assert [row["fingerprint"] for row in rows] == [digest_of(one).hex()[:8] for one in secrets]
    assert all(row["fingerprint"] in table for row in rows)
    assert not [secret for secret in secrets if secret in table + json.dumps(rows)]


@pytest.mark.parametrize("secret", ["mgr_with a space in it", "mgr_ümlaut-ümlaut-ümlaut"])
def test_a_token_that_no_header_can_carry_is_refused(secret: str) -> None:
    settings = parse(yaml.safe_dump({"receiver": {"tokens": [secret]}}).encode(), "f", {})

    with pytest.raises(TokenError, match=r"^receiver\.tokens\[0\]\.token: .*no header") as error:
        known_tokens("receiver.tokens", settings.receiver.tokens, {})
    assert secret not in str(error.value)
