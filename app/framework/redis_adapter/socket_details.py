"""Converts sockets to the JSON that nodes send for ``fetchSockets``, and back."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from app.framework.platform_socketio import json_codec
from app.framework.redis_adapter.payload import MalformedMessageError
from app.framework.websockets.broadcast import Hub
from app.framework.websockets.socket import Handshake, Socket
from app.framework.websockets.socket_api.remote_socket import RemoteSocket

SENT_HEADERS = frozenset(
    {
        "accept-language",
        "host",
        "origin",
        "user-agent",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-proto",
        "x-real-ip",
    }
)
"""The headers that are sent to other nodes. Any other header may contain credentials."""
_Value = TypeVar("_Value")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def details_of(socket: Socket) -> dict[str, Any]:
    """Return a socket as JSON, in the format of Node.

    Unlike in Node, ``auth`` and ``query`` are empty, and only `SENT_HEADERS` are sent, so that
    tokens do not reach other nodes. Values of ``data`` that have no JSON form are left out.
    """
    handshake = socket.handshake
    return {
        "id": socket.id,
        "handshake": {
            "headers": {
                name: value for name, value in handshake.headers.items() if name in SENT_HEADERS
            },
            "time": handshake.time,
            "address": handshake.address,
            "xdomain": handshake.xdomain,
            "secure": handshake.secure,
            "issued": round(handshake.issued.timestamp() * 1_000),
            "url": handshake.path,
            "query": {},
            "auth": {},
        },
        "rooms": list(socket.rooms),
        "data": {name: value for name, value in socket.data.items() if _has_json_form(value)},
    }


def remote_sockets(hub: Hub, details: Any) -> Iterator[RemoteSocket]:
    """Create the sockets of another node from their JSON.

    Raises:
        MalformedMessageError: This is no array, or a socket has no id, rooms or handshake.
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
            names = [room for room in rooms if isinstance(room, str)]  # Node allows numbers
            return RemoteSocket(hub, socket_id, _handshake(handshake), names, own)
    raise MalformedMessageError("socket")


def _handshake(details: Mapping[str, Any]) -> Handshake:
    """Return a handshake. Fields that are missing or have a wrong type get default values."""
    try:
        issued = _EPOCH + timedelta(milliseconds=_field(details, "issued", 0))
    except OverflowError:
        issued = _EPOCH
    return Handshake(
        auth={},
        headers=_field(details, "headers", {}),
        query=_field(details, "query", {}),
        address=_field(details, "address", ""),
        issued=issued,
        path=_field(details, "url", "").partition("?")[0],
    )


def _field(details: Mapping[str, Any], name: str, default: _Value) -> _Value:
    value = details.get(name)
    return value if isinstance(value, type(default)) else default


def _has_json_form(value: Any) -> bool:
    try:
        json_codec.dump(value)
    except (TypeError, ValueError, RecursionError):
        return False
    return True
