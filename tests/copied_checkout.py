"""Copies the checkout, for tests that write into it."""

import shutil
from pathlib import Path

CHECKOUT = Path(__file__).parents[1]

_LEFT_OUT = shutil.ignore_patterns(".*", "node_modules")
_FOUND_BY_MYPY = ".mypy_cache"
"""The copied cache of mypy, with which mypy checks only changed files."""


def copy_checkout(folder: Path) -> Path:
    """Copy the sources, the tests and the configuration, without environments and data."""
    for name in ("app", "bench", "library", "tests", "typings", "docs"):
        shutil.copytree(CHECKOUT / name, folder / name, ignore=_LEFT_OUT)
    for file in CHECKOUT.iterdir():
        if file.is_file() and (file.name[0] != "." or file.name == ".env.example"):
            shutil.copyfile(file, folder / file.name)
    if (CHECKOUT / _FOUND_BY_MYPY).exists():
        shutil.copytree(CHECKOUT / _FOUND_BY_MYPY, folder / _FOUND_BY_MYPY)
    return folder
