"""A configuration that cannot be used; apart, for commands that read none load nothing of it."""

from collections.abc import Sequence


class ConfigError(ValueError):
    """The configuration cannot be used; `problems` holds a sentence for each cause."""

    def __init__(self, name: str, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        lines = "".join(f"\n  {problem}" for problem in problems)
        super().__init__(f"{name}: {count}{lines}")
