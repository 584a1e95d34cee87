"""`LocalSockets`: does to the sockets of this node what other nodes ask for."""

import asyncio
from collections.abc import Callable
from contextvars import Context
from typing import Any

from app.framework.redis_adapter.payload import (
    TooManyAnswersError,
    event_of,
    flags_of,
    name_and_args,
    selection_of,
    texts,
)
from app.framework.redis_adapter.socket_details import details_of
from app.framework.websockets.broadcast import Hub
from app.framework.websockets.socket import Socket
from app.framework.websockets.socket_api.acks import ACK_SECONDS
from app.framework.websockets.socket_api.server_events import RemoteEvent

MAX_ANSWERS = 1_000
"""The maximum number of requests that a namespace answers with acks at the same time."""
MAX_ACK_SECONDS = 60.0
"""The maximum time for which acks are collected for another node."""


class LocalSockets:
    """The sockets of one namespace.

    The arguments ``options``, ``packet``, ``rooms`` and ``data`` are fields of received messages.
    If a field is malformed, the methods raise MalformedMessageError.
    """

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._answering: set[asyncio.Task[None]] = set()

    def close(self) -> None:
        """Stop collecting acks."""
        for task in self._answering:
            task.cancel()

    def emit(self, packet: Any, options: Any) -> None:
        """Emit an event, unless the namespace intercepts it."""
        selection = selection_of(options)
        event, args = event_of(packet)
        volatile = bool(flags_of(options).get("volatile"))
        intercept = self._hub.server_events.intercept
        if intercept is None or not intercept(RemoteEvent(*selection, event, args, volatile)):
            self._hub.broadcast(*selection, event, args, volatile=volatile, local=True)

    def emit_with_acks(
        self,
        packet: Any,
        options: Any,
        send_count: Callable[[int], None],
        send_ack: Callable[[Any], None],
    ) -> None:
        """Emit an event. Send the number of recipients at once, and each ack when it arrives.

        Sockets that are still connecting cannot ack, and do not receive the event.

        Raises:
            TooManyAnswersError: The node waits for the acks of too many events.
        """
        selected = self._hub.sockets(*selection_of(options))
        sockets = [each for each in selected if each.can_ack]
        event, args = event_of(packet)
        if len(self._answering) >= MAX_ANSWERS:
            raise TooManyAnswersError
        send_count(len(sockets))
        seconds = _ack_seconds(flags_of(options).get("timeout"))

        async def collect(socket: Socket) -> None:
            send_ack(await socket.emit_with_ack(event, *args, timeout_seconds=seconds))

        async def collect_all() -> None:
            # The asking node notices by its own time limit that an ack is missing.
            await asyncio.gather(*map(collect, sockets), return_exceptions=True)

        task = asyncio.create_task(collect_all(), name="cluster-answer", context=Context())
        self._answering.add(task)
        task.add_done_callback(self._answering.discard)

    def join(self, rooms: Any, options: Any) -> None:
        """Add the selected sockets to rooms."""
        names = texts(rooms)
        for socket in self._hub.sockets(*selection_of(options)):
            socket.join(*names)

    def leave(self, rooms: Any, options: Any) -> None:
        """Remove the selected sockets from rooms."""
        names = texts(rooms)
        for socket in self._hub.sockets(*selection_of(options)):
            for room in names:
                socket.leave(room)

    def disconnect(self, options: Any, *, close: bool) -> None:
        """Disconnect the selected sockets."""
        for socket in self._hub.sockets(*selection_of(options)):
            socket.disconnect(close)

    def details(self, options: Any) -> list[dict[str, Any]]:
        """Return the selected sockets as JSON."""
        return [details_of(each) for each in self._hub.sockets(*selection_of(options))]

    def call_listeners(self, data: Any, answer: Callable[[Any], None] | None) -> None:
        """Call the listeners for an event of another server.

        Args:
            data: The array of the event.
            answer: Sends the answer of the listener; None if the other server expects no answer.
        """
        event, args = name_and_args(data)
        if answer is None:
            self._hub.server_events.call(event, args)
            return
        is_answered = False

        def ack(value: Any = None) -> None:
            nonlocal is_answered
            if not is_answered:
                answer(value)  # raises TypeError if the value has no JSON form
                is_answered = True

        self._hub.server_events.call(event, (*args, ack))


def _ack_seconds(milliseconds: Any) -> float:
    seconds = milliseconds / 1_000 if isinstance(milliseconds, int) else ACK_SECONDS
    return min(max(seconds, 0.0), MAX_ACK_SECONDS)
