"""A fake of `Broadcaster` without clients."""

from dataclasses import dataclass

from app.domain.events import ServerEvent
from app.domain.ids import SocketId, UserId
from app.ports import Broadcaster


@dataclass(frozen=True, slots=True)
class Publication:
    """One call of `RecordingBroadcaster.publish`."""

    room: str
    event: ServerEvent
    payload: object
    except_socket: SocketId | None = None
    local: bool = False
    also_to: str | None = None
    except_user: UserId | None = None


class RecordingBroadcaster(Broadcaster):
    """Records what was published.

    Attributes:
        published: Every publication, in the order of the calls. A test may clear the list.
    """

    def __init__(self) -> None:
        self.published: list[Publication] = []

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
        self.published.append(
            Publication(room, event, payload, except_socket, local, also_to, except_user)
        )
