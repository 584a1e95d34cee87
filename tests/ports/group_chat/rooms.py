"""Rooms, their members and messages."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID, uuid4

from app.framework.event_emitter import EventEmitter2
from tests.ports.group_chat.errors import NotAMember, RoomNotFound


@dataclass(frozen=True)
class Message:
    """A message in a room."""

    room: str
    author: str
    text: str
    id: UUID = field(default_factory=uuid4)
    sent_at: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass
class Room:
    """A room. Its members are stored as names."""

    name: str
    members: set[str] = field(default_factory=set)
    messages: list[Message] = field(default_factory=list)


class RoomRepository:
    """Keeps rooms in memory. The async factory `open_repository` creates it."""

    def __init__(self) -> None:
        self.rooms: dict[str, Room] = {}


async def open_repository() -> RoomRepository:
    return RoomRepository()


class RoomService:
    """The rules of rooms."""

    def __init__(self, repository: RoomRepository, events: EventEmitter2) -> None:
        self._rooms = repository.rooms
        self._events = events

    def on_module_init(self) -> None:
        self.create("general")

    def create(self, name: str) -> Room:
        return self._rooms.setdefault(name, Room(name))

    def of_user(self, user: str) -> list[str]:
        return [room.name for room in self._rooms.values() if user in room.members]

    def join(self, name: str, user: str) -> Room:
        room = self._find(name)
        room.members.add(user)
        return room

    def leave(self, name: str, user: str) -> None:
        self._find(name).members.discard(user)

    def post(self, name: str, author: str, text: str) -> Message:
        room = self.require_member(name, author)
        message = Message(name, author, text)
        room.messages.append(message)
        self._events.emit("message.created", message)
        return message

    def remove(self, name: str, message_id: UUID) -> bool:
        room = self._find(name)
        kept = [each for each in room.messages if each.id != message_id]
        was_there = len(kept) < len(room.messages)
        room.messages = kept
        if was_there:
            self._events.emit("message.removed", name, message_id)
        return was_there

    def latest(self, name: str, user: str, limit: int) -> list[Message]:
        return self.require_member(name, user).messages[-limit:]

    async def history(self, name: str, user: str) -> AsyncIterator[Message]:
        for message in self.require_member(name, user).messages:
            yield message

    def require_member(self, name: str, user: str) -> Room:
        room = self._find(name)
        if user not in room.members:
            raise NotAMember(f"{user} is not in {name}")
        return room

    def _find(self, name: str) -> Room:
        if name not in self._rooms:
            raise RoomNotFound(f"There is no room {name}")
        return self._rooms[name]
