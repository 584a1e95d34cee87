"""Tests the private parts of libraries that app/framework/platform_socketio/ uses.

If an upgrade of a library changes one of these parts, a test fails and names a module. Adapt that
module to the change, and move the version range in pyproject.toml.
"""

import asyncio
import inspect
import tomllib
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

import engineio
import pytest
import socketio
from aiohttp import WebSocketError, WSMsgType, web
from aiohttp._websocket.reader import WebSocketDataQueue, WebSocketReader
from aiohttp.web_protocol import RequestHandler
from engineio import packet as engineio_packet
from packaging.requirements import Requirement
from socketio import packet

from app.framework.platform_socketio.websocket import upgrade
from app.framework.platform_socketio.websocket.write_batcher import text_frame
from tests.deadlines import ANSWER_SECONDS
from tests.unit.framework.platform_socketio.parser_queue import Queue

PYPROJECT = Path(__file__).parents[4] / "pyproject.toml"

LIBRARIES = ("aiohttp", "python-engineio", "python-socketio")


_EMIT = "(self, event, data, namespace, room=None, skip_sid=None, callback=None, to=None, **kwargs)"
_PACKET = (
    "(self, packet_type=2, data=None, namespace=None, id=None, binary=None, encoded_packet=None)"
)

REPLACED: list[tuple[str, str, type, str, str]] = [
    ("python-socketio", "socket_io/room_manager.py", socketio.AsyncManager, name, parameters)
    for name, parameters in (
        ("basic_enter_room", "(self, sid, namespace, room, eio_sid=None)"),
        ("basic_leave_room", "(self, sid, namespace, room)"),
        ("basic_disconnect", "(self, sid, namespace, **kwargs)"),
        ("get_rooms", "(self, sid, namespace)"),
        ("get_participants", "(self, namespace, room)"),
        ("is_connected", "(self, sid, namespace)"),
        ("is_sid_room", "(self, namespace, room)"),
        ("eio_sid_from_sid", "(self, sid, namespace)"),
        ("emit", _EMIT),
        ("_generate_ack_id", "(self, sid, callback)"),
    )
]
REPLACED += [
    ("python-socketio", "socket_io/server.py", socketio.AsyncServer, name, parameters)
    for name, parameters in (
        ("disconnect", "(self, sid, namespace=None, ignore_queue=False)"),
        ("handle_request", "(self, *args, **kwargs)"),
        ("_engineio_server_class", "(self)"),
    )
]
REPLACED += [
    ("python-engineio", "engine_io/server.py", engineio.AsyncServer, name, parameters)
    for name, parameters in (
        ("handle_request", "(self, *args, **kwargs)"),
        ("send_packet", "(self, sid, pkt)"),
    )
]
REPLACED += [
    ("python-socketio", "socket_io/packets.py", packet.Packet, name, parameters)
    for name, parameters in (
        ("__init__", _PACKET),
        ("encode", "(self)"),
        ("decode", "(self, encoded_packet)"),
    )
]
REPLACED += [
    ("aiohttp", "websocket/upgrade.py", RequestHandler, "connection_lost", "(self, exc)"),
    ("aiohttp", "websocket/upgrade.py", web.StreamResponse, "prepare", "(self, request)"),
    ("aiohttp", "websocket/upgrade.py", web.StreamResponse, "write_eof", "(self, data=b'')"),
    ("aiohttp", "websocket/protocol.py", WebSocketDataQueue, "feed_data", "(self, data, size)"),
    ("aiohttp", "websocket/protocol.py", WebSocketDataQueue, "feed_eof", "(self)"),
]


def changed(library: str, place: str, what: str) -> str:
    module = f"app/framework/platform_socketio/{place}"
    return f"{library} {version(library)}: {what}; {module} relies on it"


@pytest.mark.parametrize("library", LIBRARIES)
def test_library_is_one_that_was_tested_when_installed(library: str) -> None:
    """pyproject.toml allows one minor version, to which the installed version belongs."""
    project = tomllib.loads(PYPROJECT.read_text())["project"]
    ranges = {each.name: each.specifier for each in map(Requirement, project["dependencies"])}

    assert version(library) in ranges[library], f"{library} {version(library)} was not tested"


@pytest.mark.parametrize(
    ("library", "place", "owner", "name", "expected"),
    REPLACED,
    ids=lambda value: value if isinstance(value, str) and value.isidentifier() else "",
)
def test_method_has_its_parameters_when_overridden(
    library: str, place: str, owner: type, name: str, expected: str
) -> None:
    """If the parameters changed, the library would call the override wrongly or not at all."""
    method = getattr(owner, name, None)

    assert method is not None, changed(library, place, f"{owner.__name__}.{name} is gone")
    found = _parameters(method)
    assert expected == found, changed(library, place, f"{owner.__name__}.{name} is {found}")


def _parameters(method: Any) -> str:
    signature = inspect.signature(method)
    bare = [
        each.replace(annotation=inspect.Parameter.empty) for each in signature.parameters.values()
    ]
    return str(signature.replace(parameters=bare, return_annotation=inspect.Signature.empty))


@pytest.mark.parametrize("attribute", ["rooms", "callbacks"])
def test_manager_keeps_its_attributes_when_made(attribute: str) -> None:
    """`RoomManager` uses these attributes of python-socketio."""
    found = getattr(socketio.AsyncManager(), attribute, None)

    assert {} == found, changed("python-socketio", "socket_io/room_manager.py", f"no {attribute}")


async def test_socketio_server_is_put_together_as_expected_when_made() -> None:
    """The library creates the Engine.IO server from this project's class.

    The library passes keywords that it does not know to the constructor.
    """
    given: dict[str, object] = {}

    class _Engine(engineio.AsyncServer):
        def __init__(self, **keywords: object) -> None:
            given.update(keywords)
            super().__init__(**keywords)

    class _Server(socketio.AsyncServer):
        def _engineio_server_class(self) -> type[engineio.AsyncServer]:
            return _Engine

    class _Manager(socketio.AsyncManager):
        server: Any

    manager = _Manager()
    server = _Server(client_manager=manager, serializer=packet.Packet, options="ours")

    assert "ours" == given["options"], changed("python-socketio", "socket_io/server.py", "keywords")
    assert isinstance(server.eio, _Engine)
    assert server.manager is manager
    assert server is manager.server
    assert {} == server.eio.sockets, changed("python-engineio", "engine_io/server.py", "no sockets")


async def test_packet_of_the_library_ends_in_send_packet_when_sent() -> None:
    """For an emit with a callback, the library calls ``send_packet`` of the Engine.IO server."""
    sent: list[tuple[str, str | bytes]] = []

    class _Engine(engineio.AsyncServer):
        async def send_packet(self, sid: str, pkt: engineio_packet.Packet) -> None:
            sent.append((sid, pkt.encode()))

    class _Server(socketio.AsyncServer):
        _send_packet: Any

        def _engineio_server_class(self) -> type[engineio.AsyncServer]:
            return _Engine

    await _Server()._send_packet("s", packet.Packet(packet.EVENT, data=["e"]))

    assert [("s", '42["e"]')] == sent, changed("python-engineio", "engine_io/server.py", f"{sent}")


def test_packet_is_decoded_and_encoded_by_its_own_means_when_subclassed() -> None:
    """The constructor calls ``decode``, and ``encode`` uses the codec of the class."""
    calls: list[str] = []

    class _Codec:
        @staticmethod
        def dumps(value: object, **_: object) -> str:
            calls.append(f"dumps {value}")
            return "[]"

    class _Packet(packet.Packet):
        uses_binary_events = False
        json = _Codec

        def decode(self, encoded_packet: str) -> int:
            calls.append(f"decode {encoded_packet}")
            return 0

    _Packet(encoded_packet="2[]")
    encoded = _Packet(packet.EVENT, data=[b"no binary search"]).encode()

    assert ["decode 2[]", "dumps [b'no binary search']"] == calls, changed(
        "python-socketio", "socket_io/packets.py", "Packet works otherwise"
    )
    assert "2[]" == encoded


def test_reader_feeds_a_subclass_when_a_message_is_complete() -> None:
    """The reader never pauses while the queue's size is zero."""
    queue = Queue()
    reader = WebSocketReader(queue, 10, compress=False, decode_text=True)

    for _ in range(100):
        reader.feed_data(text_frame(b"a" * 9) * 100)

    assert [(WSMsgType.TEXT, "a" * 9, "")] * 10_000 == queue.fed, changed(
        "aiohttp", "websocket/protocol.py", f"{len(queue.fed)} of 10000 messages were fed"
    )
    assert WSMsgType.TEXT is queue.fed[0][0]


@pytest.mark.parametrize(
    "data", [text_frame(b"a" * 10), text_frame(b"\xff"), b"\x83\x00"], ids=["long", "utf8", "op"]
)
def test_reader_tells_a_subclass_when_the_protocol_is_broken(data: bytes) -> None:
    """Errors are reported instead of raised. A message as long as the limit is already an error."""
    queue = Queue()
    reader = WebSocketReader(queue, 10, compress=False, decode_text=True)

    reader.feed_data(data)
    reader.feed_data(data)

    assert [WebSocketError] == [type(each) for each in queue.errors], changed(
        "aiohttp", "websocket/protocol.py", f"{queue.errors} were reported"
    )
    assert isinstance(getattr(queue.errors[0], "code", None), int)


class Receiver(asyncio.Protocol):
    """The protocol that takes over the connection; it echoes what it receives."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)


async def test_aiohttp_lets_go_when_a_connection_is_taken_over() -> None:
    """After an upgrade, aiohttp hands over unread data, writes nothing and keeps no reference."""
    handlers: list[RequestHandler] = []

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        handlers.append(request.protocol)
        transport = request.transport
        assert transport is not None
        return upgrade.accept(
            cast("web.Request", request), transport, Receiver(transport), b"greeting"
        )

    server = web.Server(handle)
    listening = await asyncio.get_running_loop().create_server(server, "127.0.0.1", 0)
    async with asyncio.timeout(ANSWER_SECONDS), listening:
        host, port = listening.sockets[0].getsockname()
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(
            b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
            b"behind"
        )
        head = await reader.readuntil(b"\r\n\r\n")
        first = await reader.readexactly(len(b"greetingbehind"))
        writer.write(b"later")
        later = await reader.readexactly(len(b"later"))
        held = _held(handlers[0])
        connections = server.connections
        tasks = [each for each in asyncio.all_tasks() if "RequestHandler" in repr(each)]
        writer.close()
        await writer.wait_closed()
    await server.shutdown()

    assert b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in head
    assert b"greetingbehind" == first, changed("aiohttp", "websocket/upgrade.py", "_message_tail")
    assert b"later" == later, changed(
        "aiohttp", "websocket/upgrade.py", "the connection was closed"
    )
    assert not held, changed("aiohttp", "websocket/upgrade.py", f"connection_lost keeps {held}")
    assert [] == connections, changed(
        "aiohttp", "websocket/upgrade.py", "the server keeps the connection"
    )
    assert not tasks, changed("aiohttp", "websocket/upgrade.py", f"{tasks} go on")


def _held(handler: RequestHandler) -> list[str]:
    """Return the attributes that would keep a request, a parser or the transport alive."""
    names = ("transport", "_manager", "_parser", "_task_handler", "_payload_parser")
    absent = object()
    return [name for name in names if getattr(handler, name, absent) is not None]
