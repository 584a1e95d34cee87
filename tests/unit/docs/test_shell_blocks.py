"""Tests the shell blocks of README.md and of the pages in docs/."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.deadlines import PROCESS_SECONDS
from tests.unit.docs.markdown import ROOT, RUN_HERE, blocks, name_of

COMMANDS = [
    pytest.param(command, id=f"{name_of(page)}: {shlex.join(command)}")
    for page in RUN_HERE
    for block in blocks(page, "sh")
    for line in block.code.splitlines()
    if (command := shlex.split(line, comments=True))
]


@pytest.mark.parametrize("command", COMMANDS)
def test_shell_command_works(command: list[str], tmp_path: Path) -> None:
    """Each command is a Makefile target, or a command of the application that succeeds."""
    if command[0] == "make":
        makefile = (ROOT / "Makefile").read_text(encoding="utf-8")

        assert re.search(rf"^{command[1]}:.*## ", makefile, re.MULTILINE)
        return

    assert [".venv/bin/python", "-m", "app"] == command[:3]
    finished = subprocess.run(  # noqa: S603 - our own pages
        [sys.executable, *command[1:]],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=PROCESS_SECONDS,
        check=False,
    )

    assert (0, "") == (finished.returncode, finished.stderr)
