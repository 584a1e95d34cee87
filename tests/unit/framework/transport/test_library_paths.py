from types import SimpleNamespace
from typing import Any

import pytest
import socketio

from app.framework.transport.connection import Connection
from app.framework.transport.engine_server import EngineOptions
from app.framework.transport.socket_server import SocketServer
from app.framework.transport.upgrade import UpgradeRequest
from tests.unit.framework.transport.fake_transport import FakeTransport


@pytest.mark.parametrize("namespace", ["/", "/admin"])
@pytest.mark.parametrize("data", [None, "é", {"a": [1, 0.5]}, ("x", None), "\ud800"])
async def test_emit_has_the_librarys_bytes_when_broadcast(namespace: str, data: Any) -> None:
    """`AsyncManager.emit`, with its tasks, over our rooms, and ours: one and the same frame."""
    server, transport = SocketServer(EngineOptions()), FakeTransport()
    request = UpgradeRequest({}, {}, "")
    connection = Connection("c", transport, request, server, 1_000, 1_000)
    connection.links[namespace] = SimpleNamespace(sid="s")
    server.eio.sockets["c"] = connection
    server.manager.admit("s", namespace, connection, ["room"])

    await socketio.AsyncManager.emit(server.manager, "e", data, namespace, room="room")
    server.outbox.flush()
    await server.manager.emit("e", data, namespace, room="room")
    server.outbox.flush()

    by_library, ours = transport.sent
    assert by_library == ours
