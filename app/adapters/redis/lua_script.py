"""The Lua that has to happen in one step, each in a file of its own in ``scripts``."""

from dataclasses import dataclass
from functools import cache
from hashlib import sha1
from importlib.resources import files
from typing import Literal

ScriptName = Literal["attempt", "failed", "remember", "take_socket", "write_sockets"]


@dataclass(frozen=True, slots=True)
class LuaScript:
    """A script, and the SHA-1 by which Redis knows it once it has run."""

    text: str
    digest: str


@cache
def lua_script(name: ScriptName) -> LuaScript:
    """The script of that name, read when it is first needed."""
    text = files(__package__).joinpath("scripts", f"{name}.lua").read_text(encoding="utf-8")
    return LuaScript(text, sha1(text.encode(), usedforsecurity=False).hexdigest())
