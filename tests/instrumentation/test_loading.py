"""A fork in the midst of an import of ours: the child must not get half of a module."""

import os
from threading import Event, Thread

import pytest

from manager_agent.instrumentation.loading import loaded

pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")


def test_a_child_has_all_that_was_being_loaded() -> None:
    begun, modules = Event(), list[str]()

    def load() -> None:
        modules.append("first half")
        begun.set()
        Event().wait(0.5)  # nobody sets it: this is how long the rest takes
        modules.append("second half")

    thread = Thread(target=loaded, args=(load,))
    thread.start()
    begun.wait()
    child = os.fork()
    if not child:
        os._exit(len(modules))
    thread.join()

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 2


def test_a_child_of_a_fork_loads_again() -> None:
    child = os.fork()
    if not child:
        os._exit(loaded(lambda: 7))

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    assert loaded(lambda: 8) == 8


def test_who_forks_while_loading_does_not_wait_for_itself() -> None:
    def load() -> int:
        child = os.fork()
        if not child:
            os._exit(loaded(lambda: 9))
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    assert loaded(load) == 9
