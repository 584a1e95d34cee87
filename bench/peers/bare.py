"""A gateway on `app.framework` whose handler has no guard, pipe or interceptor.

The difference between our own gateway and this one is the cost of the pipeline. Start it with
``python -m bench.peers.bare``.
"""

import asyncio
import os
from typing import Annotated, Any

import uvloop
from dependency_injector import containers, providers

from app.framework import (
    IoAdapter,
    IoOptions,
    MessageBody,
    NestFactory,
    subscribe_message,
    web_socket_gateway,
)


@web_socket_gateway(transports=("websocket",))
class BareGateway:
    """Answers like our own gateway when nobody types."""

    @subscribe_message("typing:get")
    async def get_typing(self, _body: Annotated[Any, MessageBody()]) -> dict[str, tuple[str, ...]]:
        """Return an empty list of typing users."""
        return {"data": ()}


class BareModule(containers.DeclarativeContainer):
    """The module of the application."""

    gateway = providers.Singleton(BareGateway)


async def serve() -> None:
    """Serve until the process ends."""
    app = NestFactory.create(BareModule(), IoAdapter(IoOptions()))
    await app.listen(int(os.environ["PORT"]))
    await asyncio.Event().wait()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve())
