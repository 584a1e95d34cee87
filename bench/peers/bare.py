"""A gateway on `app.framework` with nothing around its handler: no guard, pipe or interceptor.

What our own gateway spends more on the same event is what its pipeline costs. Run by
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
    """Answers as our own does when nobody types."""

    @subscribe_message("typing:get")
    async def get_typing(self, _body: Annotated[Any, MessageBody()]) -> dict[str, tuple[str, ...]]:
        """Who is typing in a channel: nobody."""
        return {"data": ()}


class BareModule(containers.DeclarativeContainer):
    """The whole application."""

    gateway = providers.Singleton(BareGateway)


async def serve() -> None:
    """Until the process is ended."""
    app = NestFactory.create(BareModule(), IoAdapter(IoOptions()))
    await app.listen(int(os.environ["PORT"]))
    await asyncio.Event().wait()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve())
