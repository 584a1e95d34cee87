"""`ShardedAdapter`: the sharded adapter of ``@socket.io/redis-adapter``, for one namespace."""

import asyncio
import secrets
from collections.abc import Callable, Coroutine, Iterable, Mapping
from contextvars import Context
from dataclasses import dataclass, field
from typing import Any, Literal

import structlog

from app.framework.redis_adapter.messages import (
    MalformedMessageError,
    Message,
    MessageType,
    event_of,
    event_packet,
    flags_of,
    name_and_args,
    options_of,
    selection_of,
)
from app.framework.redis_adapter.redis_bus import RedisBus
from app.framework.redis_adapter.socket_details import details_of, remote_socket
from app.framework.websockets.broadcast import Hub
from app.framework.websockets.socket_api.acks import ACK_SECONDS, AckTimeoutError
from app.framework.websockets.socket_api.cluster_adapter import Selection
from app.framework.websockets.socket_api.remote_socket import RemoteSocket

SubscriptionMode = Literal["static", "dynamic"]

MAX_ANSWERS = 1_000
"""The maximum number of requests of other nodes that a namespace answers at the same time."""
MAX_ACK_SECONDS = 60.0
"""The maximum time for which acks are collected for another node."""
_ID_LENGTH = 20
"""The length of a socket's id. Rooms with names of this length have no channel of their own."""

_log = structlog.stdlib.get_logger("ShardedAdapter")


@dataclass(slots=True)
class _Request:
    """A request to the other nodes, and their answers so far.

    Attributes:
        missing: The number of nodes that have not answered.
        missing_acks: The number of clients whose acks have not arrived.
    """

    missing: int
    done: asyncio.Future[None]
    answers: list[Any] = field(default_factory=list)
    missing_acks: int = 0

    def check(self) -> None:
        """Finish the request if all answers have arrived."""
        if self.missing <= 0 and self.missing_acks <= 0 and not self.done.done():
            self.done.set_result(None)


class ShardedAdapter:
    """Sends and receives the messages of one namespace. Implements `ClusterAdapter`.

    In the subscription mode ``dynamic``, each room with sockets of this node has a channel, so a
    node receives only the events for its rooms. In the mode ``static``, each node receives all
    events of the namespace.
    """

    def __init__(
        self,
        hub: Hub,
        bus: RedisBus,
        channel_prefix: str,
        subscription_mode: SubscriptionMode,
    ) -> None:
        self._hub = hub
        self._bus = bus
        self._id = secrets.token_hex(8)
        self._channel = f"{channel_prefix}#{hub.namespace}#"
        self._own_channel = f"{self._channel}{self._id}#"
        self._is_dynamic = subscription_mode == "dynamic"
        self._rooms: set[str] = set()
        """The rooms whose channels are subscribed to."""
        self._requests: dict[str, _Request] = {}
        self._answering: set[asyncio.Task[None]] = set()
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
        for room in tuple(self._rooms):
            self.room_deleted(room)
        for task in self._answering:
            task.cancel()

    def room_created(self, room: str) -> None:
        """Receive the events for a room."""
        if self._is_dynamic:
            self._rooms.add(room)
            self._bus.subscribe(self._room_channel(room), self._receive)

    def room_deleted(self, room: str) -> None:
        """Stop receiving the events for a room."""
        if room in self._rooms:
            self._rooms.discard(room)
            self._bus.unsubscribe(self._room_channel(room), self._receive)

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
                channel = self._room_channel(room)
        self._bus.publish(channel, message.encode())

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
        """See `ClusterAdapter.fetch_sockets`.

        Raises:
            TimeoutError: Not all nodes have answered in time.
        """
        request = await self._ask(
            MessageType.FETCH_SOCKETS, timeout_seconds, opts=options_of(selection)
        )
        return [remote_socket(self._hub, details) for details in request.answers]

    async def server_side_emit_with_ack(
        self, event: str, args: tuple[Any, ...], timeout_seconds: float
    ) -> list[Any]:
        """See `ClusterAdapter.server_side_emit_with_ack`.

        Raises:
            AckTimeoutError: Not all nodes have answered in time.
        """
        request = await self._ask(
            MessageType.SERVER_SIDE_EMIT, timeout_seconds, packet=[event, *args]
        )
        return request.answers

    async def emit_with_ack(
        self, selection: Selection, event: str, args: tuple[Any, ...], timeout_seconds: float
    ) -> list[Any]:
        """See `ClusterAdapter.emit_with_ack`."""
        request = await self._ask(
            MessageType.BROADCAST,
            timeout_seconds,
            packet=event_packet(self._hub.namespace, event, args),
            opts=options_of(selection, timeout=round(timeout_seconds * 1_000)),
        )
        return request.answers

    async def _ask(self, kind: MessageType, timeout_seconds: float, **data: Any) -> _Request:
        """Send a request to the other nodes, and wait until all have answered.

        Raises:
            AckTimeoutError: Not all answers have arrived in time. The error has the others.
            ConnectionError: The number of nodes is unknown, because Redis does not answer.
        """
        nodes = await self._bus.subscriber_count(self._channel)
        request = _Request(nodes - 1, asyncio.get_running_loop().create_future())
        if request.missing <= 0:
            return request
        request_id = secrets.token_hex(8)
        self._requests[request_id] = request
        try:
            self._publish(kind, requestId=request_id, **data)
            async with asyncio.timeout(timeout_seconds):
                await request.done
        except TimeoutError:
            raise AckTimeoutError(request.answers) from None
        finally:
            del self._requests[request_id]
        return request

    def _room_channel(self, room: str) -> str:
        return f"{self._channel}{room}#"

    def _message(self, kind: MessageType, **data: Any) -> Message:
        return Message(self._id, self._hub.namespace, kind, data)

    def _publish(self, kind: MessageType, **data: Any) -> None:
        self._bus.publish(self._channel, self._message(kind, **data).encode())

    def _respond(self, request: Message, kind: MessageType, **data: Any) -> None:
        answer = self._message(kind, requestId=request.data["requestId"], **data)
        self._bus.publish(f"{self._channel}{request.sender}#", answer.encode())

    def _receive(self, raw: bytes) -> None:
        """Handle a message; count it if it is malformed."""
        try:
            message = Message.decode(raw)
            if message.sender == self._id or message.namespace != self._hub.namespace:
                return
            handle = self._handlers.get(message.type)
            if handle is None:
                self._drop("unknown_type")
            else:
                handle(message)
        except MalformedMessageError:
            self._drop("malformed")
        except Exception:  # noqa: BLE001 - one message must not end the subscription
            self._drop("malformed")
            _log.exception("a message of another node failed", namespace=self._hub.namespace)

    def _drop(self, reason: str) -> None:
        self._bus.dropped[reason] += 1

    def _receive_event(self, message: Message) -> None:
        selection = selection_of(message)
        event, args = event_of(message.data.get("packet"))
        if "requestId" in message.data:
            self._answer(self._answer_with_acks(message, selection, event, args))
            return
        self._hub.broadcast(
            *selection, event, args, volatile=bool(flags_of(message).get("volatile")), local=True
        )

    def _receive_join(self, message: Message) -> None:
        rooms = _texts(message.data.get("rooms"))
        for socket in self._hub.sockets(*selection_of(message)):
            socket.join(*rooms)

    def _receive_leave(self, message: Message) -> None:
        rooms = _texts(message.data.get("rooms"))
        for socket in self._hub.sockets(*selection_of(message)):
            for room in rooms:
                socket.leave(room)

    def _receive_disconnect(self, message: Message) -> None:
        close = message.data.get("close") is True
        for socket in self._hub.sockets(*selection_of(message)):
            socket.disconnect(close)

    def _answer_fetch(self, message: Message) -> None:
        sockets = self._hub.sockets(*selection_of(message))
        self._respond(
            message,
            MessageType.FETCH_SOCKETS_RESPONSE,
            sockets=[details_of(each) for each in sockets],
        )

    def _receive_server_event(self, message: Message) -> None:
        event, args = name_and_args(message.data.get("packet"))
        if "requestId" not in message.data:
            self._hub.server_events.call(event, args)
            return
        is_answered = False

        def ack(answer: Any = None) -> None:
            nonlocal is_answered
            if not is_answered:
                is_answered = True
                self._respond(message, MessageType.SERVER_SIDE_EMIT_RESPONSE, packet=answer)

        self._hub.server_events.call(event, (*args, ack))

    async def _answer_with_acks(
        self, message: Message, selection: Selection, event: str, args: tuple[Any, ...]
    ) -> None:
        """Emit an event of another node, and send the acks of the clients to that node."""
        milliseconds = flags_of(message).get("timeout")
        seconds = milliseconds / 1_000 if isinstance(milliseconds, int) else ACK_SECONDS
        seconds = min(max(seconds, 0.0), MAX_ACK_SECONDS)
        sockets = self._hub.sockets(*selection)
        self._respond(message, MessageType.BROADCAST_CLIENT_COUNT, clientCount=len(sockets))

        async def send_ack(socket: Any) -> None:
            ack = await socket.emit_with_ack(event, *args, timeout_seconds=seconds)
            self._respond(message, MessageType.BROADCAST_ACK, packet=ack)

        # The asking node notices by its own time limit that an ack is missing.
        await asyncio.gather(*map(send_ack, sockets), return_exceptions=True)

    def _answer(self, coroutine: Coroutine[Any, Any, None]) -> None:
        if len(self._answering) >= MAX_ANSWERS:
            coroutine.close()
            self._drop("too_many_answers")
            return
        task = asyncio.create_task(coroutine, name="cluster-answer", context=Context())
        self._answering.add(task)
        task.add_done_callback(self._answering.discard)

    def _receive_sockets(self, message: Message) -> None:
        request = self._request_of(message)
        sockets = message.data.get("sockets")
        if request is not None and isinstance(sockets, list):
            request.missing -= 1
            request.answers.extend(sockets)
            request.check()

    def _receive_answer(self, message: Message) -> None:
        request = self._request_of(message)
        if request is not None:
            request.missing -= 1
            request.answers.append(message.data.get("packet"))
            request.check()

    def _receive_client_count(self, message: Message) -> None:
        request = self._request_of(message)
        count = message.data.get("clientCount")
        if request is not None and isinstance(count, int):
            request.missing -= 1
            request.missing_acks += count
            request.check()

    def _receive_ack(self, message: Message) -> None:
        request = self._request_of(message)
        if request is not None:
            request.missing_acks -= 1
            request.answers.append(message.data.get("packet"))
            request.check()

    def _request_of(self, message: Message) -> _Request | None:
        """Return the request that the message answers; None if it has ended."""
        return self._requests.get(str(message.data.get("requestId")))


def _texts(values: Any) -> list[str]:
    if not isinstance(values, list) or not all(isinstance(each, str) for each in values):
        raise MalformedMessageError("rooms")
    return values


def _ignore(message: Message) -> None:
    del message
