"""Adds a gateway to the source of the module that provides it, and touches nothing else there."""

import ast
import re

from app.cli.starter.gateway_name import GatewayName

MODULE_CLASS = "ChatModule"


def registration(name: GatewayName) -> tuple[str, str]:
    """The import and the provider, a line each."""
    return (
        f"from {_module_of(name)} import {name.pascal}Gateway",
        f"{name.snake}_gateway = providers.Singleton({name.pascal}Gateway)",
    )


def with_gateway(source: str, name: GatewayName) -> str | None:
    """The source with both lines in their places; None when their places are not to be found.

    The import stands where ruff sorts it, the provider at the end of the class.
    """
    try:
        body = ast.parse(source).body
    except SyntaxError:
        return None
    imports = [each for each in body if isinstance(each, ast.ImportFrom) and _is_ours(each)]
    classes = [each for each in body if isinstance(each, ast.ClassDef)]
    module = next((each for each in classes if each.name == MODULE_CLASS), None)
    if module is None or module.end_lineno is None or not imports:
        return None
    wanted = _natural(_module_of(name))
    before = sum(_natural(each.module or "") < wanted for each in imports)
    import_line, provider_line = registration(name)
    lines = source.splitlines()
    # From the bottom up, so that the line numbers above hold.
    lines.insert(module.end_lineno, f"    {provider_line}")
    lines.insert(_line_after(imports, before), import_line)
    return "\n".join(lines) + "\n"


def _module_of(name: GatewayName) -> str:
    return f"app.gateways.{name.snake}_gateway"


def _is_ours(statement: ast.ImportFrom) -> bool:
    return (statement.module or "").split(".")[0] == "app"


def _line_after(imports: list[ast.ImportFrom], count: int) -> int:
    if count == 0:
        return imports[0].lineno - 1
    last = imports[count - 1]
    return last.end_lineno or last.lineno


def _natural(module: str) -> list[tuple[int, str]]:
    """As ruff sorts: 2 before 10."""
    return [
        (int(part), "") if part.isdigit() else (-1, part) for part in re.findall(r"\d+|\D+", module)
    ]
