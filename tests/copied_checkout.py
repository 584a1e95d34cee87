"""A copy of the checkout, for what writes into it."""

import shutil
from pathlib import Path

CHECKOUT = Path(__file__).parents[1]

_LEFT_OUT = shutil.ignore_patterns(".*", "node_modules")
_FOUND_BY_MYPY = ".mypy_cache"
"""It knows a file by its content, and looks in a copy at what is new there and what that meets."""


def copy_checkout(folder: Path) -> Path:
    """The sources with their bytecode, the tests and what checks them; no environment, no data."""
    for name in ("app", "bench", "tests", "typings", "docs"):
        shutil.copytree(CHECKOUT / name, folder / name, ignore=_LEFT_OUT)
    for file in CHECKOUT.iterdir():
        if file.is_file() and (file.name[0] != "." or file.name == ".env.example"):
            shutil.copyfile(file, folder / file.name)
    if (CHECKOUT / _FOUND_BY_MYPY).exists():
        shutil.copytree(CHECKOUT / _FOUND_BY_MYPY, folder / _FOUND_BY_MYPY)
    return folder
