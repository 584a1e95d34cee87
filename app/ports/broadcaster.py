"""Sends events from services to connected clients."""

from typing import Protocol, runtime_checkable

from app.domain.events import ServerEvent
from app.domain.ids import SocketId, UserId


@runtime_checkable
class Broadcaster(Protocol):
    """Sends events to rooms. `RoomBroadcaster` implements this port."""

    def publish(
        self,
        room: str,
        event: ServerEvent,
        payload: object,
        *,
        also_to: str | None = None,
        except_socket: SocketId | None = None,
        except_user: UserId | None = None,
        local: bool = False,
    ) -> None:
        """Send an event to every admitted socket in ``room`` except ``except_socket``.

        Args:
            also_to: A second room. A socket in both rooms receives the event once.
            except_user: A user whose sockets do not receive the event.
            local: Whether to send the event only to the sockets of this node.

        Returns when the event is queued for every socket of this node. Events are sent in the order
        of the calls, so an event that a handler publishes reaches the sender before the handler's
        ack.
        Delivery is at most once: a client that is disconnected does not receive the event, and must
        read the stored messages instead.
        """
        ...
