"""What `manager-agent run` can tell of the Python that a command runs."""

import pytest

from manager_agent.instrumentation.interpreter import python_flags


@pytest.mark.parametrize(
    ("words", "letters"),
    [
        ("agent.py -S", ""),
        ("-S agent.py", "S"),
        ("-ES -m agent -I", "ES"),
        ("-Im agent", "I"),
        ("-c code -S", ""),
        ("-W error -S agent.py", "WS"),
        ("-Werror -S agent.py", "WS"),
        ("-X dev -I agent.py", "XI"),
        ("-bEX dev agent.py -S", "bEX"),
        ("--check-hash-based-pycs never -S agent.py", "S"),
        ("- -S", ""),
        ("", ""),
    ],
)
def test_python_s_own_options_end_where_the_program_begins(words: str, letters: str) -> None:
    assert python_flags(words.split()) == letters
