"""A node of a cluster in Python, with the command ``flood`` of ``tests/cluster/js/cluster.mjs``.

Usage: ``python -m bench.peers.cluster_node REDIS_URL MODE``. With the mode ``none``, the server has
no other nodes.
"""

import asyncio
import gc
import json
import sys
from typing import Any

import uvloop

from app.framework import IoAdapter, IoOptions, NestFactory
from app.framework.redis_adapter import create_sharded_adapter
from tests.cluster.conftest import ClusterModule
from tests.cluster.rooms_gateway import RoomsGateway


async def _serve(redis_url: str, mode: str) -> None:
    cluster = None if mode == "none" else create_sharded_adapter(redis_url)
    app = NestFactory.create(ClusterModule, IoAdapter(IoOptions(cluster=cluster)))
    url = await app.listen(0)
    gc.collect()
    gc.freeze()
    _report({"event": "listening", "args": [int(url.rpartition(":")[2])]})
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(lines), sys.stdin
    )
    async for line in lines:
        command = json.loads(line)
        await _flood(app.get(RoomsGateway), **command)
        _report({"id": command["id"], "result": None})
    await app.close()


async def _flood(
    gateway: RoomsGateway,
    *,
    rooms: list[str],
    event: str,
    args: list[Any],
    bursts: int,
    burst: int,
    pauseMs: int,  # noqa: N803 - the name in driver.mjs
    **_: object,
) -> None:
    for _count in range(bursts):
        for number in range(burst):
            gateway.server.to(rooms[number % len(rooms)]).emit(event, *args)
        await asyncio.sleep(pauseMs / 1000)


def _report(line: dict[str, Any]) -> None:
    print(json.dumps(line), flush=True)


if __name__ == "__main__":
    uvloop.run(_serve(*sys.argv[1:3]))
