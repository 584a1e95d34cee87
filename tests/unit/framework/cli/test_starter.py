"""Tests the paths and refusals of app/framework/cli/starter.py.

tests/e2e/test_library.py runs what the starter writes.
"""

import ast
import re
from pathlib import Path

import pytest

from app.framework.cli.part_name import StarterError
from app.framework.cli.starter import KINDS, new_part, new_project


@pytest.fixture(autouse=True)
def _own_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def _packages(tmp_path: Path) -> None:
    """A project's packages, and folders whose names cannot be imported."""
    for name in ("app/chat", "my-app"):
        (tmp_path / name).mkdir(parents=True)


@pytest.mark.parametrize("create", [False, True])
def test_project_is_named_like_its_folder(tmp_path: Path, *, create: bool) -> None:
    root = tmp_path / "GroupChat"
    if create:
        root.mkdir()

    created = new_project(root, "library==1")

    assert {root / each for each in created} == {each for each in root.rglob("*") if each.is_file()}
    assert {Path("Makefile"), Path(".gitignore"), Path("app", "app_module.py")} < set(created)
    assert 'name = "group-chat"' in (root / "pyproject.toml").read_text()
    assert "library==1" in (root / "requirements.txt").read_text().splitlines()


def test_project_is_refused_when_the_folder_is_in_use(tmp_path: Path) -> None:
    (tmp_path / "mine").touch()

    for root in (tmp_path, tmp_path / "mine"):
        with pytest.raises(StarterError, match="is not an empty folder; choose another path"):
            new_project(root, "library==1")

    assert [tmp_path / "mine"] == list(tmp_path.iterdir())


def test_project_is_refused_when_its_folder_is_no_name(tmp_path: Path) -> None:
    with pytest.raises(StarterError, match="'2 chats' cannot name a project"):
        new_project(tmp_path / "2 chats", "library==1")


@pytest.mark.usefixtures("_packages")
@pytest.mark.parametrize("kind", KINDS)
def test_part_defines_the_class_that_is_to_be_added(kind: str) -> None:
    path, lines = new_part(kind, "poll-votes", Path("app"))

    name = f"PollVotes{kind.capitalize()}"
    assert Path("app", "poll_votes", f"poll_votes_{kind}.py") == path
    assert f"from app.poll_votes.poll_votes_{kind} import {name}" == lines.splitlines()[0]
    assert name in lines.splitlines()[1]
    assert [name] == [
        each.name for each in ast.parse(path.read_text()).body if isinstance(each, ast.ClassDef)
    ]
    assert path.with_name("__init__.py").exists()


@pytest.mark.usefixtures("_packages")
def test_parts_of_one_name_share_a_folder() -> None:
    paths = [new_part(kind, "poll", Path("app", "chat"))[0] for kind in ("guard", "pipe")]

    assert [Path("app", "chat", "poll", f"poll_{kind}.py") for kind in ("guard", "pipe")] == paths


@pytest.mark.usefixtures("_packages")
@pytest.mark.parametrize(
    ("name", "folder", "sentence"),
    [
        ("class", "app", "'class' cannot be a part of an import; choose another name."),
        ("poll", "my-app", "'my-app' cannot be a part of an import; choose another name."),
        ("poll", "app/../app", "'..' cannot be a part of an import; choose another name."),
    ],
)
def test_part_is_refused_when_it_could_not_be_imported(
    name: str, folder: str, sentence: str
) -> None:
    with pytest.raises(StarterError, match=f"^{re.escape(sentence)}$"):
        new_part("guard", name, Path(folder))


def test_part_is_refused_when_there_is_no_project_here(tmp_path: Path) -> None:
    with pytest.raises(StarterError, match=r"There is no folder app here; run this command in"):
        new_part("guard", "poll", Path("app"))

    assert [] == list(tmp_path.iterdir())


@pytest.mark.usefixtures("_packages")
def test_part_is_refused_when_it_exists() -> None:
    path, _ = new_part("guard", "poll", Path("app"))
    path.write_text("mine")

    with pytest.raises(StarterError, match=f"{path} exists already"):
        new_part("guard", "poll", Path("app"))

    assert "mine" == path.read_text()
