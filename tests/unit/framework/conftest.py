import asyncio
from collections.abc import Callable

import pytest
import uvloop

LoopFactory = Callable[[], asyncio.AbstractEventLoop]


def pytest_asyncio_loop_factories(item: pytest.Item) -> dict[str, LoopFactory]:
    """Asyncio's own loop; for what lies close to the loop, the one of ``make run`` as well."""
    loops: dict[str, LoopFactory] = {"asyncio": asyncio.SelectorEventLoop}
    if item.path.parent.name == "transport" or item.path.name == "test_eager.py":
        loops["uvloop"] = uvloop.new_event_loop
    return loops
