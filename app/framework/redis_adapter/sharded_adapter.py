"""`ShardedAdapter`: the sharded adapter of ``@socket.io/redis-adapter``, for one namespace."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, get_args

from app.framework.common.exceptions import BootError
from app.framework.redis_adapter.channels import Channel
from app.framework.redis_adapter.cluster_bus import ClusterBus
from app.framework.redis_adapter.local_sockets import LocalSockets
from app.framework.redis_adapter.messages import Message, MessageType
from app.framework.redis_adapter.payload import UnknownTypeError, event_packet, options_of, pack
from app.framework.redis_adapter.redis_bus import RedisBus
from app.framework.redis_adapter.requests import Requests
from app.framework.redis_adapter.socket_details import remote_sockets
from app.framework.websockets.broadcast import Hub
from app.framework.websockets.socket_api.cluster_adapter import Selection
from app.framework.websockets.socket_api.remote_socket import RemoteSocket

SubscriptionMode = Literal["static", "dynamic"]

_ID_LENGTH = 20
"""The length of a socket's id. Rooms with names of this length have no channel of their own."""


class ShardedAdapter:
    """Sends and receives the messages of one namespace. Implements `ClusterAdapter`.

    In the subscription mode ``dynamic``, each room with sockets of this node has a channel, so a
    node receives only the events for its rooms. In the mode ``static``, each node receives all
    events of the namespace.
    """

    def __init__(
        self,
        hub: Hub,
        bus: RedisBus | ClusterBus,
        channel_prefix: str,
        subscription_mode: SubscriptionMode,
    ) -> None:
        self._hub = hub
        self._bus = bus
        self._id = bus.node_id
        self._own_beginnings = (b'{"uid":"%b"' % self._id.encode(), _packed_beginning(self._id))
        """The first bytes of each message of this node, in JSON and in msgpack."""
        self._prefix = f"{channel_prefix}#{hub.namespace}#"
        self._channel = Channel.sharded(self._prefix)
        self._own_channel = self._channel_of(self._id)
        self._is_dynamic = subscription_mode == "dynamic"
        self._rooms: Counter[str] = Counter()
        """How often `room_created` was called for each room, less the calls of `room_deleted`."""
        self._requests = Requests()
        self._local = LocalSockets(hub)
        self._handlers: Mapping[int, Callable[[Message], None]] = {
            MessageType.BROADCAST: self._receive_event,
            MessageType.SOCKETS_JOIN: self._receive_join,
            MessageType.SOCKETS_LEAVE: self._receive_leave,
            MessageType.DISCONNECT_SOCKETS: self._receive_disconnect,
            MessageType.FETCH_SOCKETS: self._answer_fetch,
            MessageType.FETCH_SOCKETS_RESPONSE: self._receive_sockets,
            MessageType.SERVER_SIDE_EMIT: self._receive_server_event,
            MessageType.SERVER_SIDE_EMIT_RESPONSE: self._receive_answer,
            MessageType.BROADCAST_CLIENT_COUNT: self._receive_client_count,
            MessageType.BROADCAST_ACK: self._receive_ack,
            # Only adapters that count their nodes by heartbeats need these messages.
            MessageType.INITIAL_HEARTBEAT: _ignore,
            MessageType.HEARTBEAT: _ignore,
            MessageType.ADAPTER_CLOSE: _ignore,
        }

    def open(self) -> None:
        """Subscribe to the channel of the namespace, and to that of answers for this adapter."""
        self._bus.subscribe(self._channel, self._receive)
        self._bus.subscribe(self._own_channel, self._receive)

    def close(self) -> None:
        """Unsubscribe, and stop answering requests."""
        self._bus.unsubscribe(self._channel, self._receive)
        self._bus.unsubscribe(self._own_channel, self._receive)
        for room in tuple(self._rooms.elements()):
            self.room_deleted(room)
        self._local.close()

    def room_created(self, room: str) -> None:
        """Receive the events for a room."""
        if self._is_dynamic and len(room) != _ID_LENGTH:
            self._rooms[room] += 1
            self._bus.subscribe(self._channel_of(room), self._receive)

    def room_deleted(self, room: str) -> None:
        """Stop receiving the events for a room."""
        if self._rooms[room]:
            self._rooms[room] -= 1
            self._bus.unsubscribe(self._channel_of(room), self._receive)

    def publish_event(
        self, selection: Selection, event: str, args: tuple[Any, ...], *, volatile: bool
    ) -> None:
        """See `ClusterAdapter.publish_event`."""
        flags = {"volatile": True} if volatile else {}
        message = self._message(
            MessageType.BROADCAST,
            packet=event_packet(self._hub.namespace, event, args),
            opts=options_of(selection, **flags),
        )
        channel = self._channel
        if self._is_dynamic and len(selection.rooms) == 1:
            (room,) = selection.rooms
            if len(room) != _ID_LENGTH:
                channel = self._channel_of(room)
        self._bus.publish(channel, message.encode(), volatile=volatile)

    def publish_join(self, selection: Selection, rooms: Iterable[str]) -> None:
        """See `ClusterAdapter.publish_join`."""
        self._publish(MessageType.SOCKETS_JOIN, opts=options_of(selection), rooms=list(rooms))

    def publish_leave(self, selection: Selection, rooms: Iterable[str]) -> None:
        """See `ClusterAdapter.publish_leave`."""
        self._publish(MessageType.SOCKETS_LEAVE, opts=options_of(selection), rooms=list(rooms))

    def publish_disconnect(self, selection: Selection, *, close: bool) -> None:
        """See `ClusterAdapter.publish_disconnect`."""
        self._publish(MessageType.DISCONNECT_SOCKETS, opts=options_of(selection), close=close)

    def publish_server_event(self, event: str, args: tuple[Any, ...]) -> None:
        """See `ClusterAdapter.publish_server_event`."""
        self._publish(MessageType.SERVER_SIDE_EMIT, packet=[event, *args])

    async def fetch_sockets(
        self, selection: Selection, timeout_seconds: float
    ) -> list[RemoteSocket]:
        """See `ClusterAdapter.fetch_sockets`."""
        return await self._ask(
            MessageType.FETCH_SOCKETS, timeout_seconds, opts=options_of(selection)
        )

    async def server_side_emit_with_ack(
        self, event: str, args: tuple[Any, ...], timeout_seconds: float
    ) -> list[Any]:
        """See `ClusterAdapter.server_side_emit_with_ack`."""
        return await self._ask(MessageType.SERVER_SIDE_EMIT, timeout_seconds, packet=[event, *args])

    async def emit_with_ack(
        self, selection: Selection, event: str, args: tuple[Any, ...], timeout_seconds: float
    ) -> list[Any]:
        """See `ClusterAdapter.emit_with_ack`."""
        return await self._ask(
            MessageType.BROADCAST,
            timeout_seconds,
            packet=event_packet(self._hub.namespace, event, args),
            opts=options_of(selection, timeout=round(timeout_seconds * 1_000)),
        )

    async def _ask(self, kind: MessageType, timeout_seconds: float, **data: Any) -> list[Any]:
        """Send a request to the other nodes, and return their answers.

        The adapter need not be open. If it is, it has already subscribed to its own channel.
        """
        self._bus.subscribe(self._own_channel, self._receive)
        try:
            nodes = await self._bus.count_other_nodes(self._channel)
            return await self._requests.ask(
                nodes,
                timeout_seconds,
                lambda request_id: self._publish(kind, requestId=request_id, **data),
            )
        finally:
            self._bus.unsubscribe(self._own_channel, self._receive)

    def _channel_of(self, room_or_adapter: str) -> Channel:
        return Channel.sharded(f"{self._prefix}{room_or_adapter}#")

    def _message(self, kind: MessageType, **data: Any) -> Message:
        return Message(self._id, self._hub.namespace, kind, data)

    def _publish(self, kind: MessageType, **data: Any) -> bool:
        return self._bus.publish(self._channel, self._message(kind, **data).encode())

    def _respond(self, request: Message, kind: MessageType, **data: Any) -> None:
        answer = self._message(kind, requestId=request.data.get("requestId"), **data)
        self._bus.publish(self._channel_of(request.sender), answer.encode())

    def _receive(self, _: bytes, payload: bytes) -> None:
        if payload.startswith(self._own_beginnings):
            return
        message = Message.decode(payload)
        if message.namespace != self._hub.namespace:
            return
        handle = self._handlers.get(message.type)
        if handle is None:
            raise UnknownTypeError
        handle(message)

    def _receive_event(self, message: Message) -> None:
        packet, options = message.data.get("packet"), message.data.get("opts")
        if "requestId" not in message.data:
            self._local.emit(packet, options)
            return
        self._local.emit_with_acks(
            packet,
            options,
            lambda count: self._respond(
                message, MessageType.BROADCAST_CLIENT_COUNT, clientCount=count
            ),
            lambda ack: self._respond(message, MessageType.BROADCAST_ACK, packet=ack),
        )

    def _receive_join(self, message: Message) -> None:
        self._local.join(message.data.get("rooms"), message.data.get("opts"))

    def _receive_leave(self, message: Message) -> None:
        self._local.leave(message.data.get("rooms"), message.data.get("opts"))

    def _receive_disconnect(self, message: Message) -> None:
        self._local.disconnect(message.data.get("opts"), close=message.data.get("close") is True)

    def _answer_fetch(self, message: Message) -> None:
        sockets = self._local.details(message.data.get("opts"))
        self._respond(message, MessageType.FETCH_SOCKETS_RESPONSE, sockets=sockets)

    def _receive_server_event(self, message: Message) -> None:
        def answer(value: Any) -> None:
            self._respond(message, MessageType.SERVER_SIDE_EMIT_RESPONSE, packet=value)

        is_request = "requestId" in message.data
        self._local.call_listeners(message.data.get("packet"), answer if is_request else None)

    def _receive_sockets(self, message: Message) -> None:
        sockets = remote_sockets(self._hub, message.data.get("sockets"))
        self._requests.add_answers(message.data.get("requestId"), sockets)

    def _receive_answer(self, message: Message) -> None:
        self._requests.add_answers(message.data.get("requestId"), [message.data.get("packet")])

    def _receive_client_count(self, message: Message) -> None:
        self._requests.expect_acks(message.data.get("requestId"), message.data.get("clientCount"))

    def _receive_ack(self, message: Message) -> None:
        self._requests.add_ack(message.data.get("requestId"), message.data.get("packet"))


def check_mode(subscription_mode: str) -> None:
    """Raise BootError if there is no such subscription mode."""
    if subscription_mode not in get_args(SubscriptionMode):
        raise BootError(
            f"there is no subscription mode '{subscription_mode}'; use 'dynamic' or 'static'"
        )


def _packed_beginning(node_id: str) -> bytes:
    message = Message(node_id, "/", MessageType.BROADCAST, {"bytes": b""}).encode()
    return message[: message.index(pack("nsp"))]


def _ignore(message: Message) -> None:
    del message
