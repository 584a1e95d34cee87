import pytest
import pytest_asyncio

from tests.e2e.chat_groups import Chat
from tests.e2e.raw_socket import raw_socket
from tests.e2e.server_process import Serve, ServerProcess


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def server(serve: Serve) -> ServerProcess:
    """A server for frontends that expect ``connect_error``, and send tokens as ``Bearer TOKEN``."""
    return await serve(AUTH_FAILURE_MODE="connect_error", AUTH_ACCEPT_BEARER="true")


@pytest.mark.parametrize(
    ("auth", "message", "code"),
    [
        ({}, "Authentication required", "token_missing"),
        ({"token": "nonsense"}, "Authentication failed", "token_malformed"),
    ],
)
async def test_client_gets_connect_error_when_refused_that_way(
    chat: Chat, auth: object, message: str, code: str
) -> None:
    """The client receives no other event."""
    alice = chat.connecting("alice", auth)

    error = await alice.sees("connect_error")

    assert {"message": message, "data": {"code": code, "detail": error["data"]["detail"]}} == error
    assert ["connect_error"] == alice.events


async def test_transport_is_closed_when_refused_by_connect_error(server: ServerProcess) -> None:
    """The server closes the transport after the refusal."""
    async with raw_socket(server) as socket:
        await socket.send("40{}")
        frames, _ = await socket.closed()

    assert ["44"] == [frame[:2] for frame in frames]


@pytest.mark.parametrize("prefix", ["Bearer ", "bearer ", ""])
async def test_client_is_connected_when_the_bearer_prefix_is_tolerated(
    chat: Chat, prefix: str
) -> None:
    alice = chat.connecting("alice", {"token": prefix + await chat.token("alice")})

    await alice.sees("connect")
