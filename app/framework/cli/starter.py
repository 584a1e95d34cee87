"""Writes new projects and parts from templates; Nest's ``nest new`` and ``nest generate``."""

import keyword
from pathlib import Path
from string import Template

from app.framework.cli.new_files import write_new
from app.framework.cli.part_name import PartName, StarterError

_TEMPLATES = Path(__file__).parent / "templates"
_SUFFIX = ".tmpl"

KINDS = tuple(sorted(each.name.partition(".")[0] for each in (_TEMPLATES / "parts").glob("*.tmpl")))
"""The kinds of parts, such as ``gateway`` and ``guard``: one for each template."""


def new_project(root: Path, requirement: str) -> list[Path]:
    """Write a project, and return the paths of its files, relative to ``root``.

    Args:
        root: The project's folder, which must be empty or missing.
        requirement: The line for this library in the project's ``requirements.txt``.

    Raises:
        StarterError: The folder is not empty or cannot be written, or its name is invalid.
    """
    if root.exists() and not (root.is_dir() and not any(root.iterdir())):
        raise StarterError(f"{root} is not an empty folder; choose another path.")
    name = PartName.parse(root.resolve().name, "project").snake.replace("_", "-")
    folder = _TEMPLATES / "project"
    files = {}
    for template in sorted(folder.rglob(f"*{_SUFFIX}")):
        path = template.relative_to(folder)
        path = path.with_name(path.name.removesuffix(_SUFFIX).replace("dot-", "."))
        files[path] = _filled(template, project=name, requirement=requirement)
    write_new(root, files)
    return [*files]


def new_part(kind: str, text: str, folder: Path) -> tuple[Path, str]:
    """Write a part, and return its path and the lines that the user must add by hand.

    ``new_part("guard", "admin", Path("app"))`` writes ``app/admin/admin_guard.py``.

    Raises:
        StarterError: The name is invalid, the folder is missing, or the file exists or cannot be
            written.
    """
    if not folder.is_dir():
        raise StarterError(
            f"There is no folder {folder} here; run this command in the project's folder, "
            "or name a package with --folder."
        )
    name = PartName.parse(text, kind)
    package = (*folder.parts, name.snake)
    for part in package:
        if not part.isidentifier() or keyword.iskeyword(part):
            raise StarterError(f"{part!r} cannot be a part of an import; choose another name.")
    path = Path(*package, f"{name.snake}_{kind}.py")
    files = {path: _filled(_TEMPLATES / "parts" / f"{kind}.py{_SUFFIX}", **name.fields)}
    marker = path.with_name("__init__.py")
    if not marker.exists():
        files[marker] = f'"""The parts of {name.snake.replace("_", " ")}."""\n'
    write_new(Path(), files)
    class_name = f"{name.pascal}{kind.capitalize()}"
    imported = f"from {'.'.join(path.with_suffix('').parts)} import {class_name}"
    return path, f"{imported}\n{_use(kind, name.snake, class_name)}"


def _use(kind: str, name: str, class_name: str) -> str:
    """Return the line that uses the part: in a module or, for a DTO, in a handler."""
    match kind:
        case "module":
            return f"{name} = providers.Container({class_name})"
        case "dto":
            return f"body: Annotated[{class_name}, MessageBody()]"
        case _:
            return f"{name}_{kind} = providers.Singleton({class_name})"


def _filled(template: Path, **fields: str) -> str:
    # `substitute` would fail: the template of the Makefile contains other dollar signs.
    return Template(template.read_text(encoding="utf-8")).safe_substitute(fields)
