"""Tests requirements.txt and requirements-dev.txt."""

import hashlib
import os
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator, Mapping
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

CHECKOUT = Path(__file__).parents[2]
RUNTIME, DEVELOPMENT = "requirements.txt", "requirements-dev.txt"
OLDEST_PIP = Path(sys.prefix) / "oldest-pip"
LATER = "9999"
"""A version that is newer than every pinned version."""

PROJECT = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
CLASSIFIER = "Programming Language :: Python :: 3."
SUPPORTED_PYTHONS = tuple(
    f"3.{text.removeprefix(CLASSIFIER)}"
    for text in PROJECT["classifiers"]
    if text.startswith(CLASSIFIER)
)


def locked(*files: str) -> Iterator[Requirement]:
    """Return the pinned requirements, without their hashes."""
    for file in files:
        for line in (CHECKOUT / file).read_text().splitlines():
            if line and line[0] not in " #":
                yield Requirement(line.removesuffix("\\").strip())


def installed(requirement: Requirement) -> Distribution | None:
    """Return the installed distribution, or None if it is for another platform."""
    try:
        return distribution(requirement.name)
    except PackageNotFoundError:
        return None


def version_of(requirement: Requirement) -> str:
    (pin,) = requirement.specifier
    return pin.version


def write_wheel(folder: Path, name: str, version: str, metadata_of: Distribution) -> str:
    """Write an empty wheel with the dependencies of the real package, and return its SHA-256."""
    stem = f"{canonicalize_name(name).replace('-', '_')}-{version}"
    wheel = folder / f"{stem}-py3-none-any.whl"
    metadata = metadata_of.metadata
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    for field in ("Provides-Extra", "Requires-Dist"):
        lines += [f"{field}: {value}" for value in metadata.get_all(field) or ()]
    files = {
        "METADATA": "\n".join(lines),
        "WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "RECORD": "",
    }
    with zipfile.ZipFile(wheel, "w") as archive:
        for file, text in files.items():
            # A wheel is written twice, once for each lock: a fixed date gives both the same hash.
            archive.writestr(zipfile.ZipInfo(f"{stem}.dist-info/{file}"), text)
    return hashlib.sha256(wheel.read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index with each pinned release and a later one, and locks with the releases' hashes.

    The packages are empty, so installing them takes seconds. The names, extras, versions and
    dependencies are real.
    """
    folder = tmp_path_factory.mktemp("index")
    for file in (RUNTIME, DEVELOPMENT):
        pins = []
        for requirement in locked(file):
            found = installed(requirement)
            if found is not None:
                digest = write_wheel(folder, requirement.name, version_of(requirement), found)
                write_wheel(folder, requirement.name, LATER, found)
                pins.append(f"{requirement} --hash=sha256:{digest}")
        (folder / file).write_text("\n".join(pins))
    return folder


@pytest.mark.parametrize(
    "pip", [{"PYTHONPATH": str(OLDEST_PIP)}, {}], ids=["oldest pip", "newest pip"]
)
def test_exactly_the_locked_versions_are_installed_when_later_releases_exist(
    index: Path, tmp_path: Path, pip: Mapping[str, str]
) -> None:
    fresh = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", fresh], check=True)  # noqa: S603 - a constant command
    python = fresh / "bin" / "python"

    for file in (RUNTIME, DEVELOPMENT):
        subprocess.run(  # noqa: S603 - a constant command
            [
                *(sys.executable, "-m", "pip", "--python", python, "install", "--quiet"),
                *("--no-deps", "--require-hashes"),  # The Makefile has the same options.
                *("--no-index", "--find-links", index, "--requirement", index / file),
            ],
            env={**os.environ, **pip, "PIP_FIND_LINKS": "", "PIP_CONFIG_FILE": os.devnull},
            check=True,
        )

    listed = subprocess.run(  # noqa: S603 - a constant command
        [sys.executable, "-m", "pip", "--python", python, "list", "--format=freeze"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    expected = {
        f"{canonicalize_name(each.name)}=={version_of(each)}"
        for each in locked(RUNTIME, DEVELOPMENT)
        if installed(each) is not None
    }
    names_and_versions = (line.partition("==") for line in listed.splitlines())
    assert expected == {f"{canonicalize_name(name)}=={v}" for name, _, v in names_and_versions}


@pytest.mark.parametrize("python", SUPPORTED_PYTHONS)
@pytest.mark.parametrize("files", [(RUNTIME,), (RUNTIME, DEVELOPMENT)], ids=["run", "test"])
def test_lock_holds_every_dependency_of_what_it_holds(python: str, files: tuple[str, ...]) -> None:
    """Pip installs with --no-deps, so the lock must list all dependencies."""
    pins = {canonicalize_name(each.name): each for each in locked(*files)}
    environment = {"python_version": python, "python_full_version": f"{python}.0"}

    for pin in pins.values():
        found = installed(pin)
        for text in (found.requires or ()) if found is not None else ():
            needed = Requirement(text)
            wanted = needed.marker is None or any(
                needed.marker.evaluate({**environment, "extra": extra})
                for extra in ("", *pin.extras)
            )
            if wanted:
                met_by = pins.get(canonicalize_name(needed.name))
                assert met_by is not None, f"{pin.name} needs {needed}, which the lock lacks"
                assert version_of(met_by) in needed.specifier, f"{pin.name} needs {needed}"
                assert needed.extras <= met_by.extras, f"{pin.name} needs {needed}"


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "SECURITY.md"])
def test_every_page_names_the_supported_pythons(page: str) -> None:
    *others, last = SUPPORTED_PYTHONS

    words = " ".join((CHECKOUT / page).read_text().split())

    assert f"{', '.join(others)} {'and' if page == 'SECURITY.md' else 'or'} {last}" in words


def test_make_versions_runs_on_the_supported_pythons() -> None:
    makefile = (CHECKOUT / "Makefile").read_text()

    assert f"versions: {' '.join(f'unit-on-{each}' for each in SUPPORTED_PYTHONS)}" in makefile


def test_makefile_installs_nothing_that_is_not_locked() -> None:
    makefile = (CHECKOUT / "Makefile").read_text()

    assert "--quiet --no-deps --require-hashes" in makefile
