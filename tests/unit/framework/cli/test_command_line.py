import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.framework.cli.command_line import main

PROJECT = """
from dependency_injector import containers, providers
from app.framework import NestFactory, subscribe_message, web_socket_gateway

@web_socket_gateway()
class PollGateway:
    @subscribe_message("poll")
    def poll(self) -> str:
        return "answer"

class Module(containers.DeclarativeContainer):
    gateway = providers.Singleton(PollGateway)

def create():
    return NestFactory.create(Module)

def create_nothing():
    return None

def fail():
    return NestFactory.create(3)
"""


@pytest.fixture(autouse=True)
def _project(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """A working directory with an application."""
    (tmp_path / "poll_project.py").write_text(PROJECT)
    (tmp_path / "broken_project.py").write_text("import missing_library")
    (tmp_path / "app").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield
    sys.modules.pop("poll_project", None)


def test_events_are_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["events", "--application", "poll_project:create"])

    assert 0 == code
    assert [
        ["EVENT", "HANDLER", "GUARDS", "PAYLOAD", "ACK"],
        ["poll", "PollGateway.poll", "none", "str"],
    ] == [line.split() for line in capsys.readouterr().out.splitlines()]


def test_events_are_json_when_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    main(["events", "--json", "--application", "poll_project:create"])

    (row,) = json.loads(capsys.readouterr().out)
    assert ("poll", "str") == (row["event"], row["ack"])


@pytest.mark.parametrize(
    ("application", "sentence"),
    [
        ("poll_project:create_nothing", "poll_project:create_nothing returned no NestApplication."),
        ("poll_project:creat", "poll_project has no function 'creat'"),
        ("poll_project", "poll_project has no function ''"),
        ("poll_projct:create", "There is no module poll_projct here"),
        ("poll_project:fail", "module"),
    ],
)
def test_events_explain_what_is_wrong_with_the_application(
    capsys: pytest.CaptureFixture[str], application: str, sentence: str
) -> None:
    code = main(["events", "--application", application])

    printed = capsys.readouterr()
    assert (1, "") == (code, printed.out)
    assert sentence in printed.err


def test_events_show_where_an_import_of_the_application_fails() -> None:
    with pytest.raises(ModuleNotFoundError, match="missing_library"):
        main(["events", "--application", "broken_project:create"])


def test_new_part_is_written_with_a_hint(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["new", "guard", "admin"])

    assert 0 == code
    assert Path("app", "admin", "admin_guard.py").exists()
    assert (
        "CREATE app/admin/admin_guard.py\n\nAdd it to a module:\n"
        "from app.admin.admin_guard import AdminGuard\n"
        "admin_guard = providers.Singleton(AdminGuard)\n"
    ) == capsys.readouterr().out


def test_new_part_is_refused_with_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["new", "guard", "2"])

    assert 1 == code
    assert capsys.readouterr().err.startswith("'2' cannot name a guard; use")
