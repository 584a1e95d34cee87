"""Tests upgrade requests that the server rejects.

The tested module is app/framework/platform_socketio/engine_io/server.py.
"""

import json

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from structlog.testing import capture_logs

from app.framework.platform_socketio.engine_io.server import EngineOptions
from app.framework.platform_socketio.socket_io.server import SocketServer

WEBSOCKET = "EIO=4&transport=websocket"
TRANSPORT_HINT = 'Only websocket is supported. Set transports: ["websocket"] in the client.'
VERSION_HINT = "Only Engine.IO 4 is supported. Use socket.io-client 3 or 4."
QUERY_HINT = "The URL must not have more than 64 query parameters."


async def refusal(server: SocketServer, query: str) -> tuple[int, dict[str, object]]:
    """Handle an upgrade request, and return the status and body of the response."""
    response = await server.handle_request(make_mocked_request("GET", f"/socket.io/?{query}"))
    assert isinstance(response, web.Response)
    return response.status, json.loads(response.text or "")


@pytest.mark.parametrize(
    ("query", "code", "message", "hint"),
    [
        ("EIO=4&transport=polling", 0, "Transport unknown", TRANSPORT_HINT),
        ("", 0, "Transport unknown", TRANSPORT_HINT),
        ("EIO=3&transport=websocket", 5, "Unsupported protocol version", VERSION_HINT),
        (
            f"{WEBSOCKET}&{'&'.join(f'{each}=' for each in range(63))}",
            3,
            "Bad request",
            QUERY_HINT,
        ),
    ],
)
async def test_refusal_says_what_to_set_when_the_client_can_set_it(
    query: str, code: int, message: str, hint: str
) -> None:
    """The hint is in every response, but in the log only once a minute."""
    server = SocketServer(EngineOptions())

    with capture_logs() as logs:
        first, second = [await refusal(server, query) for _ in range(2)]

    assert (400, {"code": code, "message": message, "hint": hint}) == first == second
    assert [
        {
            "event": "a client cannot connect",
            "log_level": "warning",
            "reason": message,
            "hint": hint,
            "times": 1,
        }
    ] == logs


async def test_query_passes_when_it_has_as_many_parameters_as_allowed() -> None:
    """The query passes: the request fails only because the rest of the handshake is missing."""
    query = f"{WEBSOCKET}&{'&'.join(f'{each}=' for each in range(62))}"

    status, body = await refusal(SocketServer(EngineOptions()), query)

    assert (400, {"code": 3, "message": "Bad request"}) == (status, body)
