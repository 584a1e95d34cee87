import ast
import sys
import tomllib
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from app import __version__
from library.build import NAME, write_tree

IMPORTED_AS = {
    "dependency-injector": "dependency_injector",
    "pydantic-settings": "pydantic_settings",
    "python-engineio": "engineio",
    "python-socketio": "socketio",
}
"""The import names of distributions that have another name."""
BROUGHT_BY = {
    "multidict": "aiohttp",
    "pydantic_core": "pydantic",
    "typing_extensions": "pydantic",
}
"""Imported packages that another dependency installs."""
EXTRAS = {
    "config": "config",
    "event-emitter": "event_emitter",
    "redis-adapter": "redis_adapter",
    "schedule": "schedule",
}
"""The folder that needs each extra."""


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("library")
    write_tree(folder)
    return folder


def imported(file: Path) -> Iterator[str]:
    """Return the full names of the modules that a file imports."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def libraries(*files: Path) -> set[str]:
    names = {name.split(".")[0] for file in files for name in imported(file)}
    found = names - sys.stdlib_module_names - {NAME}
    return {BROUGHT_BY.get(name, name) for name in found}


def as_imports(requirements: list[str]) -> set[str]:
    names = (Requirement(each).name for each in requirements)
    return {IMPORTED_AS.get(name, name) for name in names}


def test_no_source_names_the_packages_of_this_checkout(tree: Path) -> None:
    files = [each for each in (tree / NAME).rglob("*") if each.is_file()]

    named = [
        file
        for file in files
        for name in ("app.framework", "app.concurrency", "app/framework", "app/concurrency")
        if name in file.read_text()
    ]

    assert len(files) > 80
    assert [] == named


def test_dependencies_are_exactly_the_imported_libraries(tree: Path) -> None:
    """What an extra installs is imported only in the folder of the extra."""
    project = tomllib.loads((tree / "pyproject.toml").read_text())["project"]
    package = tree / NAME
    files = set(package.rglob("*.py"))
    of_extra = {extra: set((package / name).rglob("*.py")) for extra, name in EXTRAS.items()}
    core = as_imports(project["dependencies"])

    assert core == libraries(*files.difference(*of_extra.values()))
    assert project["optional-dependencies"].keys() == EXTRAS.keys()
    for extra, requirements in project["optional-dependencies"].items():
        assert as_imports(requirements) == libraries(*of_extra[extra]) - core


def test_metadata_has_the_versions_of_this_checkout(tree: Path) -> None:
    ours = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())["project"]
    project = tomllib.loads((tree / "pyproject.toml").read_text())["project"]
    required = [*project["dependencies"], *chain(*project["optional-dependencies"].values())]

    assert (__version__, ours["requires-python"]) == (
        project["version"],
        project["requires-python"],
    )
    assert set(required) <= set(ours["dependencies"])


def test_type_checkers_find_the_types(tree: Path) -> None:
    assert (tree / NAME / "py.typed").exists()
