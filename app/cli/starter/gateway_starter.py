"""Implements ``python -m app new gateway NAME``, like Nest's ``nest generate gateway``."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Template

from app.cli.starter.module_source import registration, with_gateway
from app.framework.cli.new_files import deleted_after_an_error
from app.framework.cli.part_name import PartName, StarterError
from app.framework.websockets.broadcast import RESERVED_EVENTS

MODULE_FILE = Path("app", "modules", "chat_module.py")

_TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True, slots=True)
class NewGateway:
    """The result of `new_gateway`. The ``missing`` lines must be added to a module by hand."""

    event: str
    created: tuple[Path, ...]
    missing: tuple[str, ...]


def new_gateway(text: str, root: Path, handled: Mapping[str, str]) -> NewGateway:
    """Write a gateway, its DTO and its test, and register it.

    If this raises, no file is left behind.

    Raises:
        StarterError: The name is in use or invalid, or a file cannot be written.
    """
    name = PartName.parse(text)
    _refuse_taken(name.camel, handled)
    files = _files(name)
    module = root / MODULE_FILE
    with deleted_after_an_error(root, "This command needs a checkout of the project.") as written:
        changed = with_gateway(module.read_text(encoding="utf-8"), name)
        for path, template in files.items():
            with (root / path).open("x", encoding="utf-8") as file:
                written.append(root / path)
                file.write(_filled(template, name))
        if changed is not None:
            # Replace the module last and atomically: `make run` restarts the server when the module
            # changes.
            draft = module.with_suffix(".new")
            with draft.open("w", encoding="utf-8") as file:
                written.append(draft)
                file.write(changed)
            draft.replace(module)
    return NewGateway(name.camel, tuple(files), () if changed else registration(name))


def _refuse_taken(event: str, handled: Mapping[str, str]) -> None:
    if event in RESERVED_EVENTS:
        raise StarterError(f"Socket.IO reserves the name '{event}'; choose another.")
    if event in handled:
        raise StarterError(f"{handled[event]} handles '{event}' already; choose another name.")


def _files(name: PartName) -> dict[Path, str]:
    gateways = Path("app", "gateways")
    return {
        gateways / "dto" / f"{name.snake}_dto.py": "dto.py.tmpl",
        gateways / f"{name.snake}_gateway.py": "gateway.py.tmpl",
        Path("tests", "unit", "gateways", f"test_{name.snake}_gateway.py"): "test.py.tmpl",
    }


def _filled(template: str, name: PartName) -> str:
    text = (_TEMPLATES / template).read_text(encoding="utf-8")
    return Template(text).substitute(name.fields)
