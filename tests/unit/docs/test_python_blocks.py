"""Tests the Python blocks of README.md and of the pages in docs/."""

from pathlib import Path
from types import ModuleType

import pytest

from tests.unit.docs.markdown import RUN_HERE, blocks, name_of
from tests.unit.docs.python_block import run_block

WITH_PYTHON = [page for page in RUN_HERE if blocks(page, "python")]


@pytest.mark.parametrize("page", WITH_PYTHON, ids=name_of)
async def test_python_blocks_run_from_top_to_bottom(page: Path) -> None:
    """The examples of a page run in order, and their assertions hold."""
    module = ModuleType(page.stem)

    for block in blocks(page, "python"):
        await run_block(block, module, name_of(page))
