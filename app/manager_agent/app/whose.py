"""Whose budget, or whom to pause, as the command line names it, and where the API has it."""

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import quote

import typer

AgentName = Annotated[str | None, typer.Argument(metavar="[AGENT]", help="The agent's name.")]
GroupName = Annotated[str | None, typer.Option("--group", help="A group of the configuration.")]
Fleet = Annotated[bool, typer.Option("--fleet", help="All agents together.")]
Why = Annotated[str | None, typer.Option("--why", help="For the audit.")]


@dataclass(frozen=True, slots=True)
class Whose:
    """`scope`: agent, group, fleet, conversation or trace; `name` is empty for the fleet."""

    scope: str
    name: str = ""

    def __str__(self) -> str:
        return "the fleet" if self.scope == "fleet" else f"{self.scope} {self.name}"

    @property
    def path(self) -> str:
        """Where the API has it."""
        if self.scope == "fleet":
            return "/api/v1/fleet"
        return f"/api/v1/{self.scope}s/{quote(self.name, safe='')}"

    @property
    def budget_path(self) -> str:
        """Where the API has its limits."""
        if self.scope == "agent":
            return f"/api/v1/budgets/{quote(self.name, safe='')}"
        return f"{self.path}/budget"


def whose(fleet: bool, **named: str | None) -> Whose:
    """Return the one that is named. Raises `BadParameter` where it is not exactly one."""
    found = [Whose(scope, name) for scope, name in named.items() if name]
    found += [Whose("fleet")] if fleet else []
    if len(found) == 1:
        return found[0]
    options = ", ".join(["--fleet", *(f"--{scope}" for scope in named if scope != "agent")])
    said = " and ".join(map(str, found)) or "nobody"
    raise typer.BadParameter(f"name an AGENT or one of {options}; {said} was named")
