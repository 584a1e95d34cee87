"""Adds a gateway to the source of a module, without changing anything else."""

import ast
import re

from app.framework.cli.part_name import PartName

MODULE_CLASS = "ChatModule"


def registration(name: PartName) -> tuple[str, str]:
    """Return the import line and the provider line for a gateway."""
    return (
        f"from {_module_of(name)} import {name.pascal}Gateway",
        f"{name.snake}_gateway = providers.Singleton({name.pascal}Gateway)",
    )


def with_gateway(source: str, name: PartName) -> str | None:
    """Return the source with the lines of `registration`; None if they cannot be placed.

    The import is inserted in ruff's sort order, and the provider at the end of the class.
    """
    try:
        body = ast.parse(source).body
    except SyntaxError:
        return None
    imports = [each for each in body if isinstance(each, ast.ImportFrom) and _is_of_app(each)]
    classes = [each for each in body if isinstance(each, ast.ClassDef)]
    module = next((each for each in classes if each.name == MODULE_CLASS), None)
    if module is None or module.end_lineno is None or not imports:
        return None
    wanted = _natural(_module_of(name))
    before = sum(_natural(each.module or "") < wanted for each in imports)
    import_line, provider_line = registration(name)
    lines = source.splitlines()
    # Insert the lower line first, so that the line number of the other line stays valid.
    lines.insert(module.end_lineno, f"    {provider_line}")
    lines.insert(_line_after(imports, before), import_line)
    return "\n".join(lines) + "\n"


def _module_of(name: PartName) -> str:
    return f"app.gateways.{name.snake}_gateway"


def _is_of_app(statement: ast.ImportFrom) -> bool:
    return (statement.module or "").split(".")[0] == "app"


def _line_after(imports: list[ast.ImportFrom], count: int) -> int:
    if count == 0:
        return imports[0].lineno - 1
    last = imports[count - 1]
    return last.end_lineno or last.lineno


def _natural(module: str) -> list[tuple[int, str]]:
    """Return ruff's sort key, which sorts 2 before 10."""
    return [
        (int(part), "") if part.isdigit() else (-1, part) for part in re.findall(r"\d+|\D+", module)
    ]
