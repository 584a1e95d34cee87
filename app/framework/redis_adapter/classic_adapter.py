"""`ClassicAdapter`: the adapter of ``@socket.io/redis-adapter`` with pub/sub, for one namespace."""

from collections.abc import Callable, Iterable, Mapping
from enum import IntEnum
from typing import Any

from app.framework.redis_adapter.channels import Channel
from app.framework.redis_adapter.local_sockets import LocalSockets
from app.framework.redis_adapter.payload import (
    MalformedMessageError,
    UnknownTypeError,
    decode,
    encode,
    event_packet,
    options_of,
    pack,
    texts,
)
from app.framework.redis_adapter.redis_bus import RedisBus
from app.framework.redis_adapter.requests import Requests
from app.framework.redis_adapter.socket_details import remote_sockets
from app.framework.websockets.broadcast import Hub
from app.framework.websockets.socket_api.cluster_adapter import Selection
from app.framework.websockets.socket_api.remote_socket import RemoteSocket

Fields = Mapping[str, Any]
"""The fields of a request or response."""


class RequestType(IntEnum):
    """The types of requests and responses, with the numbers that are sent."""

    SOCKETS = 0
    ALL_ROOMS = 1
    REMOTE_JOIN = 2
    REMOTE_LEAVE = 3
    REMOTE_DISCONNECT = 4
    REMOTE_FETCH = 5
    SERVER_SIDE_EMIT = 6
    BROADCAST = 7
    BROADCAST_CLIENT_COUNT = 8
    BROADCAST_ACK = 9


class ClassicAdapter:
    """Sends and receives the messages of one namespace. Implements `ClusterAdapter`.

    Each node receives all events of the namespace. It decodes only those for rooms with sockets of
    this node. Messages of ``@socket.io/redis-emitter`` are received too.
    """

    def __init__(
        self, hub: Hub, bus: RedisBus, key: str, *, publish_on_specific_response_channel: bool
    ) -> None:
        self._hub = hub
        self._bus = bus
        self._id = bus.node_id
        self._own_beginning = pack([self._id, None, None])[:-2]
        """The first bytes of each event of this node: up to the end of its id."""
        self._prefix = f"{key}#{hub.namespace}#"
        self._room_begins = len(Channel.plain(self._prefix).name)
        self._events = Channel.beginning_with(self._prefix)
        self._request_channel = Channel.plain(f"{key}-request#{hub.namespace}#")
        self._response_prefix = f"{key}-response#{hub.namespace}#"
        self._response_channel = Channel.plain(self._response_prefix)
        self._own_response_channel = self._response_channel_of(self._id)
        self._answers_on_specific_channel = publish_on_specific_response_channel
        self._requests = Requests()
        self._local = LocalSockets(hub)
        self._handlers: Mapping[int, Callable[[Fields], None]] = {
            RequestType.SOCKETS: self._answer_ids,
            RequestType.ALL_ROOMS: self._answer_rooms,
            RequestType.REMOTE_JOIN: self._receive_join,
            RequestType.REMOTE_LEAVE: self._receive_leave,
            RequestType.REMOTE_DISCONNECT: self._receive_disconnect,
            RequestType.REMOTE_FETCH: self._answer_fetch,
            RequestType.SERVER_SIDE_EMIT: self._receive_server_event,
            RequestType.BROADCAST: self._receive_event_with_acks,
        }

    def open(self) -> None:
        """Subscribe to the events, the requests and the responses of the namespace."""
        self._bus.subscribe(self._events, self._receive_event)
        self._bus.subscribe(self._request_channel, self._receive_request)
        self._bus.subscribe(self._response_channel, self._receive_response)
        self._bus.subscribe(self._own_response_channel, self._receive_response)

    def close(self) -> None:
        """Unsubscribe, and stop answering requests."""
        self._bus.unsubscribe(self._events, self._receive_event)
        self._bus.unsubscribe(self._request_channel, self._receive_request)
        self._bus.unsubscribe(self._response_channel, self._receive_response)
        self._bus.unsubscribe(self._own_response_channel, self._receive_response)
        self._local.close()

    def room_created(self, room: str) -> None:
        """Do nothing: the events for all rooms are received."""

    def room_deleted(self, room: str) -> None:
        """Do nothing: the events for all rooms are received."""

    def publish_event(
        self, selection: Selection, event: str, args: tuple[Any, ...], *, volatile: bool
    ) -> None:
        """See `ClusterAdapter.publish_event`."""
        flags = {"volatile": True} if volatile else {}
        packet = event_packet(self._hub.namespace, event, args)
        channel = self._prefix
        if len(selection.rooms) == 1:
            (room,) = selection.rooms
            channel += f"{room}#"
        payload = pack([self._id, packet, options_of(selection, **flags)])
        self._bus.publish(Channel.plain(channel), payload, volatile=volatile)

    def publish_join(self, selection: Selection, rooms: Iterable[str]) -> None:
        """See `ClusterAdapter.publish_join`."""
        self._request(RequestType.REMOTE_JOIN, opts=options_of(selection), rooms=list(rooms))

    def publish_leave(self, selection: Selection, rooms: Iterable[str]) -> None:
        """See `ClusterAdapter.publish_leave`."""
        self._request(RequestType.REMOTE_LEAVE, opts=options_of(selection), rooms=list(rooms))

    def publish_disconnect(self, selection: Selection, *, close: bool) -> None:
        """See `ClusterAdapter.publish_disconnect`."""
        self._request(RequestType.REMOTE_DISCONNECT, opts=options_of(selection), close=close)

    def publish_server_event(self, event: str, args: tuple[Any, ...]) -> None:
        """See `ClusterAdapter.publish_server_event`."""
        self._request(RequestType.SERVER_SIDE_EMIT, data=[event, *args])

    async def fetch_sockets(
        self, selection: Selection, timeout_seconds: float
    ) -> list[RemoteSocket]:
        """See `ClusterAdapter.fetch_sockets`."""
        return await self._ask(
            RequestType.REMOTE_FETCH, timeout_seconds, opts=options_of(selection)
        )

    async def server_side_emit_with_ack(
        self, event: str, args: tuple[Any, ...], timeout_seconds: float
    ) -> list[Any]:
        """See `ClusterAdapter.server_side_emit_with_ack`."""
        return await self._ask(RequestType.SERVER_SIDE_EMIT, timeout_seconds, data=[event, *args])

    async def emit_with_ack(
        self, selection: Selection, event: str, args: tuple[Any, ...], timeout_seconds: float
    ) -> list[Any]:
        """See `ClusterAdapter.emit_with_ack`."""
        return await self._ask(
            RequestType.BROADCAST,
            timeout_seconds,
            packet=event_packet(self._hub.namespace, event, args),
            opts=options_of(selection, timeout=round(timeout_seconds * 1_000)),
        )

    async def _ask(self, kind: RequestType, timeout_seconds: float, **fields: Any) -> list[Any]:
        """Send a request to the other nodes, and return their answers.

        The adapter need not be open. If it is, it has already subscribed to the responses.
        """
        channels = (self._response_channel, self._own_response_channel)
        for channel in channels:
            self._bus.subscribe(channel, self._receive_response)
        try:
            nodes = await self._bus.count_other_nodes(self._request_channel)
            return await self._requests.ask(
                nodes,
                timeout_seconds,
                lambda request_id: self._request(kind, requestId=request_id, **fields),
            )
        finally:
            for channel in channels:
                self._bus.unsubscribe(channel, self._receive_response)

    def _request(self, kind: RequestType, **fields: Any) -> bool:
        request = encode({"uid": self._id, "type": kind, **fields})
        return self._bus.publish(self._request_channel, request)

    def _respond(self, request: Fields, **fields: Any) -> None:
        channel = self._response_channel
        if self._answers_on_specific_channel:
            channel = self._response_channel_of(request.get("uid"))
        self._bus.publish(channel, encode({"requestId": request.get("requestId"), **fields}))

    def _response_channel_of(self, adapter_id: Any) -> Channel:
        return Channel.plain(f"{self._response_prefix}{adapter_id}#")

    def _receive_event(self, channel: bytes, payload: bytes) -> None:
        if payload.startswith(self._own_beginning):
            return
        room = channel[self._room_begins : -1].decode(errors="replace")
        # The name of a channel does not show which lone surrogate the room has.
        if room and "\ufffd" not in room and not self._hub.has_sockets(room):
            return
        match decode(payload):
            case [str(), dict(packet), options]:
                if packet.get("nsp", "/") == self._hub.namespace:
                    self._local.emit(packet, options)
            case _:
                raise MalformedMessageError("event")

    def _receive_request(self, _: bytes, payload: bytes) -> None:
        request = decode(payload)
        match request:
            case {"type": int(kind)}:
                handle = self._handlers.get(kind)
            case _:
                raise MalformedMessageError("request")
        if request.get("uid") == self._id:
            return
        if handle is None:
            raise UnknownTypeError
        handle(request)

    def _answer_ids(self, request: Fields) -> None:
        rooms = frozenset(texts(request.get("rooms")))
        sockets = self._hub.sockets(rooms, frozenset())
        self._respond(request, sockets=[each.id for each in sockets])

    def _answer_rooms(self, request: Fields) -> None:
        sockets = self._hub.sockets(frozenset(), frozenset())
        self._respond(request, rooms=list({room for each in sockets for room in each.rooms}))

    def _receive_join(self, request: Fields) -> None:
        self._local.join(request.get("rooms"), request.get("opts"))

    def _receive_leave(self, request: Fields) -> None:
        self._local.leave(request.get("rooms"), request.get("opts"))

    def _receive_disconnect(self, request: Fields) -> None:
        self._local.disconnect(request.get("opts"), close=request.get("close") is True)

    def _answer_fetch(self, request: Fields) -> None:
        self._respond(request, sockets=self._local.details(request.get("opts")))

    def _receive_server_event(self, request: Fields) -> None:
        def answer(value: Any) -> None:
            self._respond(request, type=RequestType.SERVER_SIDE_EMIT, data=value)

        is_asked = "requestId" in request
        self._local.call_listeners(request.get("data"), answer if is_asked else None)

    def _receive_event_with_acks(self, request: Fields) -> None:
        self._local.emit_with_acks(
            request.get("packet"),
            request.get("opts"),
            lambda count: self._respond(
                request, type=RequestType.BROADCAST_CLIENT_COUNT, clientCount=count
            ),
            lambda ack: self._respond(request, type=RequestType.BROADCAST_ACK, packet=ack),
        )

    def _receive_response(self, _: bytes, payload: bytes) -> None:
        """Handle a response. Most of them answer requests of other nodes, and are ignored."""
        match decode(payload):
            case {"requestId": request_id, "type": RequestType.SERVER_SIDE_EMIT, **response}:
                self._requests.add_answers(request_id, [response.get("data")])
            case {
                "requestId": request_id,
                "type": RequestType.BROADCAST_CLIENT_COUNT,
                "clientCount": count,
            }:
                self._requests.expect_acks(request_id, count)
            case {"requestId": request_id, "type": RequestType.BROADCAST_ACK, **response}:
                self._requests.add_ack(request_id, response.get("packet"))
            case {"requestId": request_id, "sockets": sockets}:
                self._requests.add_answers(request_id, remote_sockets(self._hub, sockets))
            case {"requestId": _}:
                pass
            case _:
                raise MalformedMessageError("response")
