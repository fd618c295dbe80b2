"""The configuration as options and environment name it."""

import os
from pathlib import Path

from manager_agent.app.rule_settings import rule_problems
from manager_agent.app.settings import Settings, load


def settings_from(
    config: Path | None, data_dir: Path | None = None, host: str | None = None
) -> Settings:
    """Return the configuration, `--data-dir` and `--host` laid over it. Raises `ConfigError`."""
    env = dict(os.environ)
    if data_dir is not None:
        env["MANAGER_DATA_DIR"] = str(data_dir)
    settings = load(config, env, rule_problems)
    if host is None:
        return settings
    doors = {
        "receiver": settings.receiver.model_copy(update={"host": host}),
        "api": settings.api.model_copy(update={"host": host}),
    }
    return settings.model_copy(update=doors)
