"""The standard `opentelemetry-instrument`, with us as its distribution.

    OTEL_PYTHON_DISTRO=manager_agent opentelemetry-instrument python my_agent.py

Only that command loads this file; `opentelemetry-instrumentation` comes with it, not with us.
"""

import os
from typing import Any

from opentelemetry.instrumentation.distro import BaseDistro  # type: ignore[attr-defined] # no types

from manager_agent.instrumentation import boot, mishap, official

NAME = "manager_agent"
_CHOSEN = "OTEL_PYTHON_DISTRO"
_CONFIGURATOR = "OTEL_PYTHON_CONFIGURATOR"
_EXPORTERS = ("OTEL_TRACES_EXPORTER", "OTEL_METRICS_EXPORTER", "OTEL_LOGS_EXPORTER")


class Distro(BaseDistro):  # type: ignore[misc] # it has no types
    """Starts us, and loads instrumentations so that none can stop another."""

    def _configure(self, **_: Any) -> None:
        boot.start()
        if _wants_the_sdk():
            _configure_the_sdk()
        else:
            # Nobody's: a provider without exporter would only keep the user's own out later.
            os.environ[_CONFIGURATOR] = NAME

    def load_instrumentor(self, entry_point: Any, **given: Any) -> None:
        """Load one, guarded; those for LLM libraries are switched on when their library comes."""
        if official.switches_on(_module(entry_point)):
            return
        try:
            super().load_instrumentor(entry_point, **given)
        except Exception as error:  # noqa: BLE001 - the command would give up all the others
            name = entry_point.name
            mishap.note(f"distro:{name}", f"the instrumentation {name!r} cannot be loaded", error)


def chosen() -> Distro | None:
    """Return the distribution if `OTEL_PYTHON_DISTRO` names us.

    The command takes the first it finds where that variable names none. That must not be us: who
    wanted the stock one would silently get another.
    """
    return Distro() if os.environ.get(_CHOSEN) == NAME else None


def _wants_the_sdk() -> bool:
    said = (os.environ.get(name, "").strip().lower() for name in _EXPORTERS)
    return any(each not in ("", "none") for each in said)


def _configure_the_sdk() -> None:
    """Set up the SDK's global providers as the environment says, unless somebody else does it."""
    from importlib.metadata import entry_points

    by_others = os.environ.get(_CONFIGURATOR) != NAME
    if by_others and entry_points(group="opentelemetry_configurator"):
        return  # of opentelemetry-distro or a vendor: the command runs it after us
    # Underscored, but its docstring says that distributions shall build on it.
    from opentelemetry.sdk._configuration import _OTelSDKConfigurator

    _OTelSDKConfigurator().configure()  # type: ignore[no-untyped-call]


def _module(entry_point: Any) -> str:
    return str(entry_point.value).partition(":")[0].strip()
