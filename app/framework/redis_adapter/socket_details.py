"""Converts sockets to the JSON that nodes send for ``fetchSockets``, and back."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from app.framework.platform_socketio import json_codec
from app.framework.redis_adapter.payload import MalformedMessageError
from app.framework.websockets.broadcast import Hub
from app.framework.websockets.socket import Handshake, Socket
from app.framework.websockets.socket_api.remote_socket import RemoteSocket

_SECRET_HEADERS = frozenset({"authorization", "cookie", "proxy-authorization"})


def details_of(socket: Socket) -> dict[str, Any]:
    """Return a socket as JSON, in the format of Node.

    Unlike in Node, ``auth`` is empty, and headers with credentials are left out, so that tokens do
    not reach other nodes. Values of ``data`` that have no JSON form are left out.
    """
    handshake = socket.handshake
    return {
        "id": socket.id,
        "handshake": {
            "headers": {
                name: value
                for name, value in handshake.headers.items()
                if name not in _SECRET_HEADERS
            },
            "time": handshake.time,
            "address": handshake.address,
            "xdomain": handshake.xdomain,
            "secure": handshake.secure,
            "issued": round(handshake.issued.timestamp() * 1_000),
            "url": handshake.url,
            "query": dict(handshake.query),
            "auth": {},
        },
        "rooms": list(socket.rooms),
        "data": {name: value for name, value in socket.data.items() if _has_json_form(value)},
    }


def remote_sockets(hub: Hub, details: Any) -> Iterator[RemoteSocket]:
    """Create the sockets of another node from their JSON.

    Raises:
        MalformedMessageError: This is no array, or a field is missing or has a wrong type.
    """
    if not isinstance(details, list):
        raise MalformedMessageError("sockets")
    for each in details:
        yield _remote_socket(hub, each)


def _remote_socket(hub: Hub, details: Any) -> RemoteSocket:
    match details:
        case {"id": str(socket_id), "handshake": dict(handshake), "rooms": list(rooms)}:
            data = details.get("data")
            own: Mapping[str, Any] = data if isinstance(data, dict) else {}
            return RemoteSocket(hub, socket_id, _handshake(handshake), rooms, own)
    raise MalformedMessageError("socket")


def _handshake(details: Mapping[str, Any]) -> Handshake:
    match details:
        case {
            "headers": dict(headers),
            "query": dict(query),
            "address": str(address),
            "issued": int(milliseconds),
            "url": str(url),
        }:
            return Handshake(
                auth={},
                headers=headers,
                query=query,
                address=address,
                issued=datetime.fromtimestamp(milliseconds / 1_000, UTC),
                path=url.partition("?")[0],
            )
    raise MalformedMessageError("handshake")


def _has_json_form(value: Any) -> bool:
    try:
        json_codec.dump(value)
    except (TypeError, ValueError, RecursionError):
        return False
    return True
