"""Helpers for the tests of `JwksClient`."""

import asyncio

import pytest

from app.adapters.clerk.jwks_client import JwksClient
from app.domain.errors import AuthenticationError

SECOND_KEY_ID = "ins_second"


async def not_found(keys: JwksClient, key_id: str | None) -> str:
    """Check that a key is not found, and return the error code."""
    with pytest.raises(AuthenticationError) as caught:
        await keys.find(key_id)
    return caught.value.code


def fetches() -> set[asyncio.Task[object]]:
    return {task for task in asyncio.all_tasks() if task.get_name() == "jwks fetch"}


async def renewal() -> None:
    """Wait for the fetch that was started by advancing the clock."""
    (fetch,) = fetches()
    await fetch
