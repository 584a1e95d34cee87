"""Detects how this program was started, to start it again in the same way."""

import shlex
import sys
from pathlib import Path


def is_script() -> bool:
    """Return whether this process was started as ``chatgenius-realtime``.

    The alternative is ``python -m app``.
    """
    return Path(sys.argv[0]).name != "__main__.py"


def arguments_of_this_program() -> list[str]:
    """Return the arguments that start this program again."""
    return sys.argv[:1] if is_script() else [sys.executable, "-m", "app"]


def shell_name() -> str:
    """Return the shell command that starts this program."""
    if is_script():
        return "chatgenius-realtime"
    is_own_checkout = Path(sys.prefix) == Path(__file__).parents[2] / ".venv"
    return ".venv/bin/python -m app" if is_own_checkout else f"{shlex.quote(sys.executable)} -m app"
