import ast
import inspect
from pathlib import Path
from types import ModuleType

import pytest

from tests.unit.docs.markdown import PAGES, blocks, name_of

WITH_PYTHON = [page for page in PAGES if blocks(page, "python")]


@pytest.mark.parametrize("page", WITH_PYTHON, ids=name_of)
async def test_python_blocks_run_from_top_to_bottom(page: Path) -> None:
    """A reader who types in a page's examples in their order sees what the page says."""
    module = ModuleType(page.stem)

    for block in blocks(page, "python"):
        tree = ast.parse(block.code, filename=name_of(page))
        ast.increment_lineno(tree, block.line - 1)
        code = compile(tree, name_of(page), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        result = eval(code, vars(module))  # noqa: S307 - our own pages
        if inspect.iscoroutine(result):
            await result
