"""The command ``lychgate`` with ``new project``, ``new guard`` (or another part) and ``events``."""

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

from app.framework.cli.part_name import StarterError
from app.framework.cli.starter import KINDS, new_part, new_project
from app.framework.common.exceptions import BootError
from app.framework.core.application import NestApplication
from app.framework.websockets.event_table import event_lines, event_rows, events_as_json

_NAME = "lychgate"
_APPLICATION = "app.main:create_application"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return the exit code: 0 after success, 1 after an error message."""
    parsed = _parser().parse_args(arguments)
    try:
        match parsed.command:
            case "events":
                _print_events(parsed.application, as_json=parsed.json)
            case _ if parsed.kind == "project":
                _create_project(parsed.path)
            case _:
                _create_part(parsed.kind, parsed.name, parsed.folder)
    except (StarterError, BootError) as error:
        print(error, file=sys.stderr)  # noqa: T201 - a command prints its results
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=_NAME, description="Create and inspect a project.")
    commands = parser.add_subparsers(dest="command", required=True)
    new = commands.add_parser("new", help="write a project or a part of it")
    kinds = new.add_subparsers(dest="kind", required=True)
    project = kinds.add_parser("project", help="write a project that runs and has tests")
    project.add_argument("path", type=Path)
    for kind in KINDS:
        part = kinds.add_parser(kind, help=f"write a {kind}")
        part.add_argument("name", help="the name, such as admin or poll-votes")
        part.add_argument("--folder", type=Path, default=Path("app"), help="the parent package")
    events = commands.add_parser("events", help="print the event table of the application")
    events.add_argument("--json", action="store_true", help="print a JSON array")
    events.add_argument(
        "--application",
        default=_APPLICATION,
        metavar="MODULE:FUNCTION",
        help=f"the function that creates the application; by default {_APPLICATION}",
    )
    return parser


def _create_project(path: Path) -> None:
    for file in new_project(path, f"{_NAME}=={version(_NAME)}"):
        _print(f"CREATE {path / file}")
    _print(f"\nIn {path}: make run starts the server, make test runs the tests.")


def _create_part(kind: str, name: str, folder: Path) -> None:
    path, lines = new_part(kind, name, folder)
    where = "the handler that receives it" if kind == "dto" else "a module"
    _print(f"CREATE {path}\n\nAdd it to {where}:\n{lines}")


def _print_events(application: str, *, as_json: bool) -> None:
    rows = event_rows(_load(application).events())
    _print(events_as_json(rows) if as_json else "\n".join(event_lines(rows)))


def _load(reference: str) -> NestApplication:
    """Call ``MODULE:FUNCTION`` of the working directory's project; return the application."""
    module, _, function = reference.partition(":")
    sys.path.insert(0, "")
    try:
        create = getattr(import_module(module), function)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise  # another module is missing; the traceback shows where it is imported
        raise StarterError(
            f"There is no module {module} here; run this command in the project's folder, "
            "or name the function with --application MODULE:FUNCTION."
        ) from None
    except AttributeError:
        raise StarterError(
            f"{module} has no function {function!r}; name the function that returns the "
            "application with --application MODULE:FUNCTION."
        ) from None
    created: object = create()
    if not isinstance(created, NestApplication):
        raise StarterError(f"{reference} returned no NestApplication.")
    return created


def _print(text: str) -> None:
    print(text)  # noqa: T201 - a command prints its results
