"""Describes the machine of a run and the versions of the software."""

import json
import os
import platform
import re
import shutil
import subprocess
from importlib.metadata import version
from pathlib import Path

from bench.folders import BENCH

_PACKAGES = ("aiohttp", "orjson", "pydantic", "python-engineio", "python-socketio", "uvloop")
_NODE_PACKAGES = {
    "socket.io": BENCH / "peers" / "socketio",
    "@nestjs/core": BENCH / "peers" / "nest",
    "@clerk/backend": BENCH / "peers" / "nest",
}
_NODE_SECONDS = 10.0


def machine() -> str:
    """Return the processor, its number of cores and the kernel."""
    model = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    name = model[1].strip() if model else platform.machine()
    kernel = re.match(r"[\d.]+", platform.release())
    return f"{name}, {os.cpu_count()} cores, Linux {kernel[0] if kernel else '?'}"


def versions() -> dict[str, str]:
    """Return the versions of Python, of Node.js and of the packages that the servers use."""
    found = {"Python": platform.python_version(), **{name: version(name) for name in _PACKAGES}}
    node = shutil.which("node")
    if node is not None:
        printed = subprocess.run(
            (node, "--version"), capture_output=True, text=True, timeout=_NODE_SECONDS, check=True
        )
        found["Node"] = printed.stdout.strip().removeprefix("v")
    for name, folder in _NODE_PACKAGES.items():
        lock = json.loads((folder / "package-lock.json").read_text())
        found[name] = lock["packages"][f"node_modules/{name}"]["version"]
    return found
