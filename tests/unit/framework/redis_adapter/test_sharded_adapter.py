"""Tests of the sharded adapter without sockets (app/framework/redis_adapter/sharded_adapter.py).

tests/cluster has tests with a server in Node.js.
"""

import asyncio
from typing import cast

import pytest

from app.framework import BootError
from app.framework.redis_adapter import create_sharded_adapter
from app.framework.redis_adapter.channels import Channel
from app.framework.redis_adapter.sharded_adapter import SubscriptionMode
from app.framework.testing import RecordingLink
from app.framework.websockets.socket_api.cluster_adapter import Selection
from tests.deadlines import ANSWER_SECONDS
from tests.redis_server import RedisServer


@pytest.mark.parametrize("value", ["text", b"bytes"])
async def test_own_messages_are_not_decoded_when_redis_sends_them_back(
    redis_server: RedisServer, value: object
) -> None:
    """Each node receives its own messages in the mode ``static``. Decoding is costly."""
    cluster = create_sharded_adapter(redis_server.url, subscription_mode="static")
    own: list[bytes] = []
    is_done = asyncio.Event()
    link = RecordingLink()
    adapter = cluster.create_adapter(link)
    adapter.open()

    def watch(_: bytes, payload: bytes) -> None:
        own.append(payload)
        if len(own) == 2:
            is_done.set()

    cluster.bus.subscribe(Channel.sharded("socket.io#/#"), watch)
    await cluster.open()
    adapter.publish_event(Selection(), "hello", (value,), volatile=False)
    async with asyncio.timeout(ANSWER_SECONDS):
        while not own:  # noqa: ASYNC110 - the list has no event
            await asyncio.sleep(0.01)
    redis_server.client.spublish("socket.io#/#", own[0][:-10])  # cannot be decoded
    async with asyncio.timeout(ANSWER_SECONDS):
        await is_done.wait()

    adapter.close()
    await cluster.close()
    assert {} == cluster.bus.dropped
    assert [] == link.broadcasts


def test_boot_fails_when_there_is_no_such_subscription_mode() -> None:
    """Node has a third mode, which this adapter does not have."""
    mode = cast("SubscriptionMode", "dynamic-private")

    with pytest.raises(BootError, match="'dynamic-private'; use 'dynamic' or 'static'"):
        create_sharded_adapter("redis://127.0.0.1", subscription_mode=mode)
