"""A server with one controller, and a client of this server."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import ClientSession
from dependency_injector import providers

from tests.unit.framework.assembling import application


@asynccontextmanager
async def serving(
    controller: type, *provided: providers.Provider[Any]
) -> AsyncIterator[ClientSession]:
    """Start an application with this controller, and yield a client."""
    app = application(providers.Singleton(controller), *provided)
    url = await app.listen(0)
    try:
        async with ClientSession(url) as client:
            yield client
    finally:
        await app.close()
