"""Tests that app/main.py does not load libraries of packages that the chat does not use."""

import subprocess
import sys

PROGRAM = "import sys, app.main; print(sorted({'croniter', 'pyee'} & sys.modules.keys()))"


def test_chat_does_not_load_the_libraries_of_events_and_schedules() -> None:
    found = subprocess.run(  # noqa: S603 - a constant
        [sys.executable, "-c", PROGRAM], check=True, capture_output=True, text=True
    )

    assert "[]\n" == found.stdout
