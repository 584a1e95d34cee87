"""``python -m library.build FOLDER``: builds the framework's wheel and source archive.

The sources stay in ``app``. They are copied to a temporary folder, and the copies get the names of
the distribution: ``app.framework`` becomes ``lychgate``, ``app.concurrency`` becomes
``lychgate.concurrency``.
"""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from string import Template
from tempfile import TemporaryDirectory

from app import __version__

NAME = "lychgate"
"""The name of the distribution and of its import package."""

_ROOT = Path(__file__).parents[1]
_PACKAGES = {"framework": NAME, "concurrency": f"{NAME}/concurrency"}
"""The folder of each package in ``app``, and its folder in the distribution."""

_NOT_COPIED = shutil.ignore_patterns("__pycache__")
_NAME_IN_APP = re.compile(r"\bapp([./])(framework|concurrency)\b")
_REQUIREMENT = re.compile(r'(?<=")[a-z-]+(?="[],])')


def write_tree(tree: Path) -> None:
    """Write the sources of the distribution: a project that any build tool can build."""
    for source, target in _PACKAGES.items():
        shutil.copytree(_ROOT / "app" / source, tree / target, ignore=_NOT_COPIED)
    for file in tree.rglob("*.*"):
        if file.suffix in {".py", ".tmpl"}:
            file.write_text(_renamed(file.read_text(encoding="utf-8")), encoding="utf-8")
    (tree / NAME / "py.typed").touch()
    (tree / "pyproject.toml").write_text(_pyproject(), encoding="utf-8")
    shutil.copy(_ROOT / "docs" / "framework.md", tree / "README.md")
    shutil.copy(_ROOT / "LICENSE", tree)


def build(folder: Path, *options: str) -> None:
    """Build into this folder, with the setuptools of this environment and without a network."""
    with TemporaryDirectory() as temporary:
        tree = Path(temporary, NAME)
        write_tree(tree)
        subprocess.run(  # noqa: S603 - a constant command
            [sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, *options, tree],
            check=True,
        )


def _renamed(text: str) -> str:
    def new_name(match: re.Match[str]) -> str:
        return _PACKAGES[match[2]].replace("/", match[1])

    return _NAME_IN_APP.sub(new_name, text)


def _pyproject() -> str:
    project = tomllib.loads((_ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    versions = {re.split(r"[\[<>=]", each)[0]: each for each in project["dependencies"]}
    template = Template((_ROOT / "library" / "pyproject.toml.tmpl").read_text(encoding="utf-8"))
    text = template.substitute(name=NAME, version=__version__, python=project["requires-python"])
    return _REQUIREMENT.sub(lambda match: versions.get(match[0], match[0]), text)


if __name__ == "__main__":
    build(Path(sys.argv[1]))
