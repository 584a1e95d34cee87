"""Runs a program until it exits."""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.deadlines import PROCESS_SECONDS


def run_program(
    command: Sequence[str | Path],
    folder: Path,
    environment: Mapping[str, str] | None = None,
    stdin: str = "",
) -> "subprocess.CompletedProcess[str]":
    """Run a program until it exits, and return its exit code and output."""
    return subprocess.run(  # noqa: S603 - the tests' own commands
        command,
        cwd=folder,
        env=environment,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=PROCESS_SECONDS,
        check=False,
    )
