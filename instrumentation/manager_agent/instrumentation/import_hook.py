"""Runs a function when a module has been imported, and leaves no other trace of having waited.

The finder stands first on `sys.meta_path` and answers for the watched names alone. It lets the
other finders find, and puts a loader in between that steps aside before it lets the module's code
run: while it runs and ever after, `__loader__` and `__spec__.loader` are what they would have been.

Loaded at the start of every instrumented process: built-in modules only.
"""

import sys
from _thread import RLock, _local

TYPE_CHECKING = False  # `typing` would cost each process more than all of this
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any

    Found = Callable[[ModuleType], None]


class ImportHook:
    """Watches for modules by name; safe with threads, reloads and imports within imports."""

    def __init__(self) -> None:
        self._watched: dict[str, list[Found]] = {}
        self._lock = RLock()
        self._mine = _local()

    def watch(self, wanted: "Mapping[str, Found]") -> None:
        """Run each function with its module when that was imported, and when it is reloaded.

        A module that is there already is handed over at once, in this thread.
        """
        with self._lock:
            for name, found in wanted.items():
                self._watched.setdefault(name, []).append(found)
            if self not in sys.meta_path:
                sys.meta_path.insert(0, self)
        for name, found in wanted.items():
            if sys.modules.get(name) is not None:
                _guarded(name, found)

    def stop(self) -> None:
        """Watch for nothing more."""
        with self._lock:
            self._watched = {}
            if self in sys.meta_path:
                sys.meta_path.remove(self)

    def find_spec(
        self, name: str, path: "Sequence[str] | None" = None, target: "ModuleType | None" = None
    ) -> "ModuleSpec | None":
        """Return what the other finders find for a watched name; None leaves it to them."""
        if name not in self._watched:
            return None
        asking: set[str] = self._mine.__dict__.setdefault("asking", set())
        if name in asking:  # another hook, asked by us, asks us
            return None
        asking.add(name)
        try:
            spec = self._of_others(name, path, target)
        finally:
            asking.discard(name)
        if spec is not None and hasattr(spec.loader, "exec_module"):
            spec.loader = _InBetween(spec.loader, self)  # type: ignore[assignment]
        return spec

    def imported(self, name: str, module: "ModuleType") -> None:
        """Hand over a module whose code has run."""
        for found in self._watched.get(name, ()):
            _guarded(name, found, module)

    def _of_others(
        self, name: str, path: "Sequence[str] | None", target: "ModuleType | None"
    ) -> "ModuleSpec | None":
        finders: list[Any] = list(sys.meta_path)
        for finder in finders[finders.index(self) + 1 :] if self in finders else finders:
            find = getattr(finder, "find_spec", None)
            spec: ModuleSpec | None = None if find is None else find(name, path, target)
            if spec is not None:
                return spec
        return None


class _InBetween:
    """A loader in front of another one; all but the moment after `exec_module` is that one's."""

    def __init__(self, loader: "Any", hook: ImportHook) -> None:
        self._loader = loader
        self._hook = hook

    @property  # type: ignore[misc]
    def __class__(self) -> "Any":  # who asks for the kind of loader gets the truth
        return type(self._loader)

    def __getattr__(self, name: str) -> "Any":
        return getattr(self._loader, name)

    def __reduce_ex__(self, protocol: "Any") -> "Any":
        return _itself, (self._loader,)

    def exec_module(self, module: "ModuleType") -> None:
        """Step aside, run the module's code, tell."""
        spec: Any = module.__spec__
        if spec is not None and spec.loader is self:
            spec.loader = self._loader
        if getattr(module, "__loader__", None) is self:
            module.__loader__ = self._loader
        self._loader.exec_module(module)
        name = module.__name__ if spec is None else spec.name
        self._hook.imported(name, sys.modules.get(name) or module)


def _itself(loader: "Any") -> "Any":
    return loader


def _guarded(name: str, found: "Found", module: "ModuleType | None" = None) -> None:
    try:
        if module is None:
            __import__(name)  # waits where another thread is still importing it
            module = sys.modules[name]
        found(module)
    except Exception as error:  # noqa: BLE001 - whatever it is, the agent's import must succeed
        from manager_agent.instrumentation import mishap  # loads `logging`: only where needed

        mishap.note(f"import:{name}", f"watching {name} failed, the agent goes on", error)
