"""An environment that contains one wheel and its dependencies, and nothing else."""

import os
import sys
from email.parser import Parser
from importlib.metadata import distribution
from pathlib import Path
from shutil import copyfile
from zipfile import ZipFile

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.run_program import run_program


def create_environment(folder: Path, wheel: Path, *tools: str) -> Path:
    """Create a virtual environment with the wheel and tools, and return its ``bin`` folder.

    The dependencies are copied from the tests' environment, so that they have the pinned versions
    and no network is needed. pip fails if a dependency is missing, or has a version that the wheel
    does not accept.
    """
    _run(folder, sys.executable, "-m", "venv", "--without-pip", folder)
    (site_packages,) = folder.glob("lib/python*/site-packages")
    with ZipFile(wheel) as archive:
        (metadata,) = (each for each in archive.namelist() if each.endswith("METADATA"))
        fields = Parser().parsestr(archive.read(metadata).decode())
    copied: set[str] = set()
    for text in (*fields.get_all("Requires-Dist", []), *tools):
        _copy(Requirement(text), frozenset(), site_packages, copied)
    python = folder / "bin" / "python"
    pip = (sys.executable, "-m", "pip", "--python", python)
    _run(folder, *pip, "install", "--quiet", "--no-index", wheel)
    return folder / "bin"


def _copy(needed: Requirement, extras: frozenset[str], target: Path, copied: set[str]) -> None:
    name = canonicalize_name(needed.name)
    if name in copied or not any(_applies(needed, extra) for extra in ("", *extras)):
        return
    copied.add(name)
    found = distribution(name)
    for file in found.files or ():
        if ".." not in file.parts and file.suffix != ".pyc":
            path = target / file
            path.parent.mkdir(parents=True, exist_ok=True)
            copyfile(str(file.locate()), path)
    for text in found.requires or ():
        _copy(Requirement(text), frozenset(needed.extras), target, copied)


def _applies(needed: Requirement, extra: str) -> bool:
    return needed.marker is None or needed.marker.evaluate({"extra": extra})


def _run(folder: Path, *command: str | Path) -> None:
    environment = {**os.environ, "PIP_FIND_LINKS": "", "PIP_CONFIG_FILE": os.devnull}
    folder.mkdir(exist_ok=True)
    finished = run_program(command, folder, environment)
    assert 0 == finished.returncode, finished.stdout + finished.stderr
