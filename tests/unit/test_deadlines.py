"""Tests that no deadline in tests/ is shorter than tests/deadlines.py allows."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deadlines import ANSWER_SECONDS

TESTS = Path(__file__).parents[1]
PLACES = {"timeout": 0, "wait_for": 1}
"""The position of the deadline among each call's positional arguments."""


def numbers(source: str) -> Iterator[float]:
    """Return each deadline that is a number, or a constant of the same module."""
    module = ast.parse(source)
    constants = {
        ast.unparse(each.targets[0]): each.value
        for each in module.body
        if isinstance(each, ast.Assign)
    }
    for call in ast.walk(module):
        if isinstance(call, ast.Call):
            name = ast.unparse(call.func).rpartition(".")[2]
            deadlines = [each.value for each in call.keywords if each.arg == "timeout"]
            if name in PLACES:
                deadlines += call.args[PLACES[name] :][:1]
            for deadline in deadlines:
                each = constants.get(ast.unparse(deadline), deadline)
                if isinstance(each, ast.Constant) and isinstance(each.value, int | float):
                    yield each.value


def test_deadlines_are_generous_when_a_test_waits() -> None:
    """No deadline is shorter than `ANSWER_SECONDS`, except zero, which means no wait."""
    short = {
        str(file.relative_to(TESTS)): deadlines
        for file in TESTS.rglob("*.py")
        if "node_modules" not in file.parts
        and (deadlines := [each for each in numbers(file.read_text()) if 0 < each < ANSWER_SECONDS])
    }

    assert {} == short


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("asyncio.timeout(5)", [5]),
        ("asyncio.wait_for(coming, 0.5)", [0.5]),
        ("asyncio.wait_for(coming, timeout=2)", [2]),
        ("subprocess.run([], timeout=30)", [30]),
        ("pytest.mark.timeout(9)", [9]),
        ("SOON_SECONDS = 8.0\nasyncio.timeout(SOON_SECONDS)", [8.0]),
        ("from tests.deadlines import ANSWER_SECONDS\nasyncio.timeout(ANSWER_SECONDS)", []),
    ],
)
def test_deadline_is_found_when_it_is_a_number(source: str, found: list[float]) -> None:
    """Deadlines are found as numbers or constants, and as keywords or positional arguments."""
    assert found == list(numbers(source))
