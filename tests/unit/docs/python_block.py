"""Runs the Python blocks of a page, in which ``await`` works as in asyncio's prompt."""

import ast
import inspect
from types import ModuleType

from tests.unit.docs.markdown import Block


async def run_block(block: Block, module: ModuleType, file: str) -> None:
    """Run one block in the module that all blocks of the page share.

    Tracebacks show the line numbers of the page.
    """
    tree = ast.parse(block.code, filename=file)
    ast.increment_lineno(tree, block.line - 1)
    code = compile(tree, file, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    result = eval(code, vars(module))  # noqa: S307 - our own pages
    if inspect.iscoroutine(result):
        await result
