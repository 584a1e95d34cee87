"""The Lua scripts in ``scripts``. Redis runs each script atomically."""

from functools import cache
from importlib.resources import files
from typing import Literal

ScriptName = Literal["attempt", "failed", "remember", "take_socket", "write_sockets"]


@cache
def script_text(name: ScriptName) -> str:
    """Return the text of a script. Each file is read only once."""
    return files(__package__).joinpath("scripts", f"{name}.lua").read_text(encoding="utf-8")
