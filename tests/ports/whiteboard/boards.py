"""The boards, their locks and snapshots."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from app.framework import WsException
from app.framework.background.clock import Clock
from app.framework.event_emitter import EventEmitter2
from app.framework.schedule import interval
from tests.ports.whiteboard.shapes import Line, Note, Summary


class BoardError(Exception):
    """The change is refused, because another client has locked a shape."""


@dataclass
class Lock:
    """Prevents other clients than the owner from erasing a shape."""

    owner: str
    ends: datetime


@dataclass
class Board:
    """A board with its shapes, locks and snapshot."""

    name: str
    shapes: dict[UUID, Line | Note] = field(default_factory=dict)
    locks: dict[UUID, Lock] = field(default_factory=dict)
    snapshot: bytes = b""
    last_change: datetime | None = None


class BoardService:
    """Keeps the boards in memory."""

    def __init__(self, clock: Clock, events: EventEmitter2) -> None:
        self._clock = clock
        self._events = events
        self._boards: dict[str, Board] = {}

    def open(self, name: str) -> Board:
        return self._boards.setdefault(name, Board(name))

    def find(self, name: str) -> Board | None:
        return self._boards.get(name)

    def draw(self, board: Board, shape: Line | Note) -> None:
        board.shapes[shape.id] = shape
        self._change(board)

    def erase(self, board: Board, ids: list[UUID], client: str) -> list[UUID]:
        """Remove the shapes with these ids, and return the ids of those that existed."""
        for each in ids:
            lock = board.locks.get(each)
            if lock is not None and lock.owner != client:
                raise BoardError(f"{each} is locked")
        erased = [each for each in ids if board.shapes.pop(each, None) is not None]
        if erased:
            self._change(board)
        return erased

    def lock(self, board: Board, shape: UUID, owner: str, seconds: int) -> bool | WsException:
        if shape not in board.shapes:
            return WsException("There is no such shape.", code="no_shape")
        lock = board.locks.setdefault(shape, Lock(owner, self._clock.now()))
        if lock.owner != owner:
            return False
        lock.ends = self._clock.now() + timedelta(seconds=seconds)
        return True

    def summary(self, board: Board) -> Summary:
        lines = [each for each in board.shapes.values() if isinstance(each, Line)]
        return Summary(
            shapes=len(board.shapes),
            kinds={each.kind for each in board.shapes.values()},
            ink=sum((each.width for each in lines), Decimal(0)),
            last_change=board.last_change,
        )

    @interval(1_000, name="expired locks")
    def remove_expired_locks(self) -> None:
        now = self._clock.now()
        for board in self._boards.values():
            for shape, lock in list(board.locks.items()):
                if lock.ends <= now:
                    del board.locks[shape]
                    self._events.emit("lock.expired", board, shape)

    def _change(self, board: Board) -> None:
        board.last_change = self._clock.now()
        self._events.emit("board.changed", board)
