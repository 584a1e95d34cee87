"""How services reach connected clients."""

from typing import Protocol, runtime_checkable

from app.domain.events import ServerEvent
from app.domain.ids import SocketId


@runtime_checkable
class Broadcaster(Protocol):
    """Sends events to rooms."""

    def publish(
        self,
        room: str,
        event: ServerEvent,
        payload: object,
        *,
        except_socket: SocketId | None = None,
    ) -> None:
        """Send to every admitted socket in ``room`` but ``except_socket``.

        Returns when the event is queued for every local member, in the order of the calls: what is
        published before a handler answers reaches the sender before its ack. At most once; a
        client that is away gets nothing (the store has it).
        """
        ...
