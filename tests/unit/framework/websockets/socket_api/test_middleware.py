import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from app.framework import BootError, Socket, WsException, WsUnavailable
from app.framework.testing import RecordingLink, fake_socket
from app.framework.websockets.socket_api.middleware import compile_middleware


async def run(middleware: Callable[..., Any], seconds: float = 10.0) -> tuple[bool, RecordingLink]:
    link = RecordingLink()
    passed = await compile_middleware(middleware, seconds)(fake_socket(Socket, link=link))
    return passed, link


async def test_socket_passes_when_the_middleware_raises_nothing() -> None:
    """A middleware may be async."""

    async def middleware(client: Socket) -> None:
        await asyncio.sleep(0)
        client.data["user"] = 1

    passed, link = await run(middleware)

    assert (True, None) == (passed, link.refusal)


@pytest.mark.parametrize(
    ("error", "refusal"),
    [
        (WsException("no", code="shut"), ("no", {"code": "shut"})),
        (WsException("no", details={"at": 1}), ("no", {"code": "error", "at": 1})),
        (WsException({"message": "no", "why": "late"}), ("no", {"message": "no", "why": "late"})),
        (ArithmeticError("secret"), ("internal error", {"code": "internal"})),
    ],
)
async def test_socket_is_refused_with_connect_error_when_the_middleware_raises(
    error: Exception, refusal: tuple[str, object]
) -> None:
    """The text of an unexpected error is only logged."""

    def middleware(_: Socket) -> None:
        raise error

    passed, link = await run(middleware)

    assert (False, refusal) == (passed, link.refusal)


async def test_client_reconnects_when_the_error_is_temporary_or_the_middleware_is_slow() -> None:
    """The transport is closed, as after a temporary error of a guard."""

    def middleware(_: Socket) -> None:
        raise WsUnavailable("later")

    async def slow(_: Socket) -> None:
        await asyncio.Event().wait()

    ends = [(await run(middleware))[1], (await run(slow, 0.01))[1]]

    assert ["unanswered", "unanswered"] == [link.transport_closed for link in ends]


async def test_socket_is_refused_when_the_middleware_returns_a_value() -> None:
    """``return False`` must not admit the client."""
    passed, link = await run(lambda _: False)

    assert (False, ("internal error", {"code": "internal"})) == (passed, link.refusal)


def test_middleware_is_refused_when_it_takes_nodes_next() -> None:
    middleware: Any = lambda client, next_: next_(client)  # noqa: E731

    with pytest.raises(BootError, match="takes one argument, the client"):
        compile_middleware(middleware, 10.0)
