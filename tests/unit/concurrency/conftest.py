from tests.unit.loops import pytest_asyncio_loop_factories, tasks

__all__ = ["pytest_asyncio_loop_factories", "tasks"]
