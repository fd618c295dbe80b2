"""A process that is over at once still names itself: exit handlers run when no thread can start."""

import subprocess
import sys

CODE = """
import atexit
from manager_agent.instrumentation.resource import resource_of

def leave():
    print(resource_of({"OTEL_SERVICE_NAME": "short-lived"}).attributes["service.name"])

atexit.register(leave)
import concurrent.futures.thread  # who has done this can start no threads when leaving
"""


def test_a_process_that_is_leaving_names_itself() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=False)

    assert done.stdout == "short-lived\n", done.stderr
