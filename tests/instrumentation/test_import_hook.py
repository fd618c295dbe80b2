"""What is watched is told when it was imported, and looks as if nobody had watched."""

import importlib
import importlib.resources
import importlib.util
import inspect
import logging
import pickle
import sys
import threading
import zipfile
from collections.abc import Iterator
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from manager_agent.instrumentation import mishap
from manager_agent.instrumentation.import_hook import ImportHook

NAMES = ("watched_one", "watched_two", "watched_space", "watched_space.inner", "watched_zip")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with modules to import, on the path for this test alone."""
    (tmp_path / "watched_one.py").write_text("import watched_two\nVALUE = 1\n")
    (tmp_path / "watched_two.py").write_text("VALUE = 2\n")
    inner = tmp_path / "watched_space" / "inner"  # its parent has no __init__.py
    inner.mkdir(parents=True)
    (inner / "__init__.py").write_text("VALUE = 3\n")
    (inner / "data.txt").write_text("read me\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(mishap, "_logger", logging.getLogger("manager_agent"))
    mishap.forget()
    yield tmp_path
    for name in NAMES:
        sys.modules.pop(name, None)


@pytest.fixture
def hook() -> Iterator[ImportHook]:
    hook = ImportHook()
    yield hook
    hook.stop()
    assert hook not in sys.meta_path


def told_of(hook: ImportHook, *names: str) -> list[tuple[str, Any]]:
    """Watch for `names`; return the list that fills with what is told."""
    told: list[tuple[str, Any]] = []

    def found(module: ModuleType) -> None:
        told.append((module.__name__, getattr(module, "VALUE", None)))

    hook.watch(dict.fromkeys(names, found))
    return told


def test_it_tells_when_the_code_has_run(here: Path, hook: ImportHook) -> None:
    told = told_of(hook, "watched_one")

    importlib.import_module("watched_one")

    assert told == [("watched_one", 1)]


def test_an_import_within_an_import_is_told_first(here: Path, hook: ImportHook) -> None:
    told = told_of(hook, "watched_one", "watched_two")

    importlib.import_module("watched_one")

    assert told == [("watched_two", 2), ("watched_one", 1)]


def test_what_is_there_already_is_told_at_once(here: Path, hook: ImportHook) -> None:
    importlib.import_module("watched_two")

    assert told_of(hook, "watched_two") == [("watched_two", 2)]


def test_a_package_within_a_namespace(here: Path, hook: ImportHook) -> None:
    told = told_of(hook, "watched_space.inner")

    importlib.import_module("watched_space")
    assert told == []
    importlib.import_module("watched_space.inner")

    assert told == [("watched_space.inner", 3)]


def test_looking_for_a_module_tells_nothing(here: Path, hook: ImportHook) -> None:
    told = told_of(hook, "watched_two", "watched_none")

    spec = importlib.util.find_spec("watched_two")

    assert spec is not None
    assert isinstance(spec.loader, SourceFileLoader)
    assert spec.loader.get_source("watched_two") == "VALUE = 2\n"
    assert importlib.util.find_spec("watched_none") is None
    assert "watched_two" not in sys.modules
    assert told == []


def test_a_reload_is_told_again(here: Path, hook: ImportHook) -> None:
    told = told_of(hook, "watched_two")
    module = importlib.import_module("watched_two")
    (here / "watched_two.py").write_text("VALUE = 22  # of another size\n")
    importlib.invalidate_caches()

    importlib.reload(module)

    assert told == [("watched_two", 2), ("watched_two", 22)]


def test_a_lazy_module_is_told_when_it_is_used(here: Path, hook: ImportHook) -> None:
    told = told_of(hook, "watched_two")
    spec = importlib.util.find_spec("watched_two")
    assert spec is not None
    assert spec.loader is not None
    spec.loader = importlib.util.LazyLoader(spec.loader)
    module = importlib.util.module_from_spec(spec)
    sys.modules["watched_two"] = module
    assert spec.loader is not None
    spec.loader.exec_module(module)
    assert told == []

    assert module.VALUE == 2

    assert told == [("watched_two", 2)]


def test_a_module_looks_as_if_nobody_had_watched(here: Path, hook: ImportHook) -> None:
    plain = importlib.import_module("watched_space.inner")
    for name in NAMES:
        sys.modules.pop(name, None)
    told_of(hook, "watched_space.inner")
    watched = importlib.import_module("watched_space.inner")

    assert watched is not plain
    assert type(watched.__loader__) is type(plain.__loader__)
    assert watched.__spec__ is not None
    assert watched.__spec__.loader is watched.__loader__
    assert watched.__spec__ == plain.__spec__
    assert inspect.getsource(watched) == "VALUE = 3\n"
    assert importlib.resources.files(watched).joinpath("data.txt").read_text() == "read me\n"
    assert pickle.loads(pickle.dumps(watched.__loader__)) == plain.__loader__


def test_what_is_found_can_be_pickled(here: Path, hook: ImportHook) -> None:
    told = told_of(hook, "watched_two")

    spec = pickle.loads(pickle.dumps(importlib.util.find_spec("watched_two")))

    assert type(spec.loader) is SourceFileLoader
    assert told == []


def test_a_module_in_a_zip_file(
    here: Path, hook: ImportHook, monkeypatch: pytest.MonkeyPatch
) -> None:
    with zipfile.ZipFile(here / "packed.zip", "w") as packed:
        packed.writestr("watched_zip/__init__.py", "VALUE = 4\n")
        packed.writestr("watched_zip/data.txt", "read me\n")
    monkeypatch.syspath_prepend(here / "packed.zip")
    told = told_of(hook, "watched_zip")

    module = importlib.import_module("watched_zip")

    assert told == [("watched_zip", 4)]
    assert type(module.__loader__).__name__ == "zipimporter"
    assert importlib.resources.files(module).joinpath("data.txt").read_text() == "read me\n"


def test_a_failure_of_ours_stops_nothing_and_is_logged_once(
    here: Path, hook: ImportHook, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(module: ModuleType) -> None:
        raise RuntimeError("ours")

    hook.watch({"watched_two": broken})
    told = told_of(hook, "watched_two")

    importlib.reload(importlib.import_module("watched_two"))

    assert told == [("watched_two", 2), ("watched_two", 2)]
    assert [record.name for record in caplog.records] == ["manager_agent"]
    assert mishap.counts() == {"import:watched_two": 2}


def test_a_module_that_fails_fails_as_ever_and_is_told_once_it_does_not(
    here: Path, hook: ImportHook
) -> None:
    told = told_of(hook, "watched_two")
    (here / "watched_two.py").write_text("raise ValueError('theirs')\n")
    with pytest.raises(ValueError, match="theirs"):
        importlib.import_module("watched_two")
    assert told == []
    assert "watched_two" not in sys.modules

    (here / "watched_two.py").write_text("VALUE = 'well again'\n")
    importlib.invalidate_caches()
    importlib.import_module("watched_two")

    assert told == [("watched_two", "well again")]


def test_a_module_that_puts_another_in_its_place(here: Path, hook: ImportHook) -> None:
    code = "import sys, types\nsys.modules[__name__] = types.SimpleNamespace(__name__='stand-in')\n"
    (here / "watched_two.py").write_text(code)
    told = told_of(hook, "watched_two")

    importlib.import_module("watched_two")

    assert told == [("stand-in", None)]


def test_another_hook_that_asks_the_others_too(here: Path, hook: ImportHook) -> None:
    class Other:
        """As many tracing libraries have it: asks everyone, itself guarded against itself."""

        asking = False

        def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
            if self.asking or not name.startswith("watched"):
                return None
            self.asking = True
            try:
                return importlib.util.find_spec(name)
            finally:
                self.asking = False

    told = told_of(hook, "watched_two")
    for place in (0, len(sys.meta_path)):
        other = Other()
        sys.meta_path.insert(place, other)
        try:
            importlib.import_module("watched_two")
        finally:
            sys.meta_path.remove(other)
            del sys.modules["watched_two"]

    assert told == [("watched_two", 2), ("watched_two", 2)]


def test_threads_that_import_the_same(here: Path, hook: ImportHook) -> None:
    (here / "watched_one.py").write_text("import watched_two\nimport watched_space.inner\n")
    told = told_of(hook, *NAMES)
    together = threading.Barrier(8)
    failed: list[BaseException] = []

    def work(number: int) -> None:
        together.wait()
        try:
            importlib.import_module(NAMES[number % 2])
        except Exception as error:  # noqa: BLE001 - whatever it is, the test tells
            failed.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert not failed
    assert sorted(name for name, _ in told) == ["watched_one", "watched_space.inner", "watched_two"]


def test_one_thread_starts_watching_while_another_imports(here: Path, hook: ImportHook) -> None:
    (here / "watched_two.py").write_text(
        "import builtins, threading\n"
        "half, go_on = builtins.half_imported\n"
        "half.set()\n"
        "go_on.wait(30)\n"
        "VALUE = 'whole'\n"
    )
    import builtins

    half, go_on = threading.Event(), threading.Event()
    builtins.half_imported = half, go_on  # type: ignore[attr-defined]
    importing = threading.Thread(target=importlib.import_module, args=("watched_two",))
    importing.start()
    assert half.wait(30)
    threading.Timer(0.05, go_on.set).start()  # after `watch` below has begun to wait

    told = told_of(hook, "watched_two")

    importing.join()
    del builtins.half_imported  # type: ignore[attr-defined]
    assert told == [("watched_two", "whole")]


def test_other_modules_are_none_of_its_business(here: Path, hook: ImportHook) -> None:
    told_of(hook, "watched_two")

    assert hook.find_spec("watched_one") is None
    assert PathFinder.find_spec("watched_one") is not None
