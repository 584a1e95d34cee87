"""Middlewares of a namespace: socket.io's ``server.use`` and ``namespace.use``."""

import inspect
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import structlog

from app.concurrency.eager import within
from app.framework.common.awaiting import maybe_await
from app.framework.common.exceptions import (
    BootError,
    WsException,
    WsInternalError,
    WsUnavailable,
)

if TYPE_CHECKING:
    from app.framework.websockets.socket import Socket

Middleware = Callable[[Any], Awaitable[None] | None]
"""Takes a connecting socket, and raises an error to refuse the socket. It may be async."""

_too_slow = partial(WsUnavailable, "The connection took too long to be admitted.")

_log = structlog.stdlib.get_logger("Middleware")


def compile_middleware(
    middleware: Middleware, timeout_seconds: float
) -> "Callable[[Socket], Awaitable[bool]]":
    """Return a function that runs a middleware, and returns False if the socket was refused.

    A refused client receives ``connect_error`` with the message of the `WsException`, or of
    `WsInternalError` for any other error. The ``data`` has the exception's code and details; if
    `WsException.error` is an object, this object is the ``data``. If the exception is temporary,
    `Socket.close_transport` is called instead.

    Raises:
        BootError: The function cannot be called with only the socket, for example because it also
            takes Node's ``next``.
    """
    name = getattr(middleware, "__qualname__", type(middleware).__name__)
    try:
        inspect.signature(middleware).bind(None)
    except TypeError:
        raise BootError(
            f"{name}: a middleware takes one argument, the client; instead of Node's next(error), "
            "raise a WsException"
        ) from None

    async def run(client: "Socket") -> None:
        result: object = await maybe_await(middleware(client))
        if result is not None:
            raise TypeError(f"{name} returned {result!r}; a middleware raises an error to refuse")

    async def connect(client: "Socket") -> bool:
        try:
            await within(timeout_seconds, run(client), _too_slow)
        except WsException as error:
            _refuse(client, error)
        except Exception:  # noqa: BLE001 - a broken middleware refuses every client
            _log.exception("middleware failed", middleware=name, socket_id=client.id)
            _refuse(client, WsInternalError())
        else:
            return True
        return False

    return connect


def _refuse(client: "Socket", error: WsException) -> None:
    if error.temporary:
        client.close_transport(answer_connect=False)
    elif isinstance(error.error, str):
        client.refuse(error.message, {"code": error.code, **error.details})
    else:
        client.refuse(error.message, error.error)
