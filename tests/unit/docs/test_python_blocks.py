"""Tests the Python blocks of README.md and of the pages in docs/."""

from pathlib import Path
from types import ModuleType

import pytest

from tests.unit.docs.markdown import ALONE, blocks, name_of
from tests.unit.docs.python_block import run_block

WITH_PYTHON = [page for page in ALONE if blocks(page, "python")]


@pytest.mark.parametrize("page", WITH_PYTHON, ids=name_of)
async def test_python_blocks_run_from_top_to_bottom(page: Path) -> None:
    """A reader who types in a page's examples in their order sees what the page says."""
    module = ModuleType(page.stem)

    for block in blocks(page, "python"):
        await run_block(block, module, name_of(page))
