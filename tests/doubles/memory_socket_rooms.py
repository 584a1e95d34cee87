"""A fake of `SocketRooms` without clients."""

from collections.abc import Collection

from app.domain.ids import SocketId, UserId
from app.domain.rooms import user_room
from app.ports import SocketRooms


class MemorySocketRooms(SocketRooms):
    """Stores the sockets of each room, with their users, in dictionaries."""

    def __init__(self) -> None:
        self._rooms: dict[str, dict[SocketId, UserId]] = {}

    def connect(self, socket_id: SocketId, user_id: UserId, *rooms: str) -> None:
        """Add a new socket of the user to the user's own room and to these rooms."""
        for room in (user_room(user_id), *rooms):
            self._rooms.setdefault(room, {})[socket_id] = user_id

    def disconnect(self, socket_id: SocketId) -> None:
        for sockets in self._rooms.values():
            sockets.pop(socket_id, None)

    def sockets_in(self, room: str) -> set[SocketId]:
        return set(self._rooms.get(room, ()))

    def users_in(self, room: str) -> frozenset[UserId]:
        return frozenset(self._rooms.get(room, {}).values())

    def has_user(self, user_id: UserId, room: str) -> bool:
        return user_id in self.users_in(room)

    def is_empty(self, room: str) -> bool:
        return not self._rooms.get(room)

    def join(self, user_ids: Collection[UserId], room: str) -> dict[SocketId, UserId]:
        present = self._rooms.setdefault(room, {})
        joined = {
            socket_id: user_id
            for user_id in user_ids
            for socket_id in self._rooms.get(user_room(user_id), ())
            if socket_id not in present
        }
        present.update(joined)
        return joined

    def leave(self, user_ids: Collection[UserId], room: str) -> dict[SocketId, UserId]:
        present = self._rooms.get(room, {})
        left = {socket_id: user_id for socket_id, user_id in present.items() if user_id in user_ids}
        self._rooms[room] = {each: present[each] for each in present if each not in left}
        return left
