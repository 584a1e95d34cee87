"""What the present tick of the event loop wants to send, written when the tick ends.

A client gets one write per tick, however many frames are due to it: the system call costs more than
all the rest of a delivery. A room keeps its frames once, not once a member.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable
from contextvars import copy_context
from operator import itemgetter
from typing import Any, Generic, Protocol, TypeVar


class Writable(Protocol):
    """A client that can be written to."""

    write: Callable[[bytes], Any]
    """Writes bytes to the client, now."""

    def write_failed(self, error: Exception) -> None:
        """``write`` has raised: to be cut off, but not before this tick is over."""


class Recipient(Writable, Protocol):
    """What the outbox needs of a connection."""

    audiences: "RecipientGroups"
    """Those it is a member of; changed by `enter` and `leave` only."""


_Due = tuple[int, bytes, Collection[Recipient]]
"""A frame: its number in the order of sending, its bytes, and who is not to get it."""


Member = TypeVar("Member", bound=Recipient)


class RecipientGroup(Generic[Member]):
    """Connections that are sent the same frames: a room.

    Attributes:
        members: By the id of their socket.
        due: What this tick has for all of them.
    """

    __slots__ = ("due", "members", "name")

    def __init__(self, name: str | None) -> None:
        self.name = name
        self.members: dict[str, Member] = {}
        self.due: list[_Due] = []


RecipientGroups = list[RecipientGroup[Any]] | dict[RecipientGroup[Any], None]
"""The audiences of one recipient: a list while they are few, which saves 136 bytes a client."""

_FEW_AUDIENCES = 16
"""Searching a longer list would make leaving all of them quadratic."""


def enter(recipient: Recipient, audience: RecipientGroup[Any]) -> None:
    """Add to the recipient's audiences."""
    audiences = recipient.audiences
    if isinstance(audiences, dict):
        audiences[audience] = None
    elif len(audiences) < _FEW_AUDIENCES:
        audiences.append(audience)
    else:
        recipient.audiences = dict.fromkeys((*audiences, audience))


def leave(recipient: Recipient, audience: RecipientGroup[Any]) -> None:
    """Remove from the recipient's audiences, in constant time."""
    audiences = recipient.audiences
    if isinstance(audiences, dict):
        del audiences[audience]
    else:
        audiences.remove(audience)


class WriteBatcher:
    """Collects frames and writes them in the order in which they were sent.

    Attributes:
        stalled: Who does not read at present. Volatile frames are not meant for them.
        context: The server's own, in which what is due is written, whoever has sent it.
    """

    def __init__(self) -> None:
        self.stalled: set[Recipient] = set()
        self.context = copy_context()
        self._loop = asyncio.get_running_loop()
        self._own: dict[Recipient, list[_Due]] = {}
        self._audiences: list[RecipientGroup[Any]] = []
        self._count = 0

    def send(self, recipient: Recipient, frame: bytes) -> None:
        """A frame for one."""
        if not self._count:
            self._loop.call_soon(self.flush, context=self.context)
        self._count += 1
        due = (self._count, frame, ())
        own = self._own.get(recipient)
        if own is None:
            self._own[recipient] = [due]
        else:
            own.append(due)

    def broadcast(
        self, audience: RecipientGroup[Any], frame: bytes, excluded: Collection[Recipient] = ()
    ) -> None:
        """A frame for everybody who is in the audience now, without those excluded."""
        if not self._count:
            self._loop.call_soon(self.flush, context=self.context)
        self._count += 1
        if not audience.due:
            self._audiences.append(audience)
        audience.due.append((self._count, frame, excluded))

    def settle(self, audience: RecipientGroup[Any]) -> None:
        """To be called before a membership changes: what is due is for the members until now."""
        if audience.due:
            self.flush()

    def flush(self) -> None:
        """Write what is due. Runs when the tick ends; may be called before."""
        own, self._own = self._own, {}
        audiences, self._audiences = self._audiences, []
        self._count = 0
        if not audiences:
            for recipient, due in own.items():
                write_now(recipient, due[0][1] if len(due) == 1 else _joined(due))
            return
        apart = _apart(own, audiences)
        merged = [(each, _merged(each, own.get(each, []), audiences)) for each in apart]
        shared = [(each, _joined(each.due)) for each in audiences]
        for audience in audiences:
            audience.due = []
        for recipient, due in merged:
            if due:
                write_now(recipient, _joined(due))
        for audience, frames in shared:
            for recipient in audience.members.values():
                if recipient not in apart:
                    write_now(recipient, frames)


def write_now(recipient: Writable, data: bytes) -> None:
    """Write to one client; if that fails, it is the client's end and nobody else's."""
    try:
        recipient.write(data)
    except Exception as error:  # noqa: BLE001 - whatever it is, others wait for theirs
        recipient.write_failed(error)


def _apart(own: Iterable[Recipient], audiences: list[RecipientGroup[Any]]) -> set[Recipient]:
    """Who must not simply get what an audience gets: has frames of its own, or several audiences'.

    Most ticks have one audience, and then this costs nothing per member.
    """
    apart = set(own)
    seen: set[Recipient] = set()
    for audience in audiences:
        for _, _, excluded in audience.due:
            apart.update(excluded)
        if len(audiences) > 1:
            members = audience.members.values()
            apart.update(seen.intersection(members))
            seen.update(members)
    return apart


def _merged(
    recipient: Recipient, own: list[_Due], audiences: Collection[RecipientGroup[Any]]
) -> list[_Due]:
    """What is due to one recipient, from everywhere, in the order of sending.

    Args:
        recipient: A member of any number of audiences.
        own: What is due to it alone.
        audiences: Those that have something due: looked through when the recipient is in more.
    """
    entered: Collection[RecipientGroup[Any]] = recipient.audiences
    if len(audiences) < len(entered):
        entered = [each for each in audiences if each in entered]
    shared = [due for audience in entered for due in audience.due if recipient not in due[2]]
    return sorted(own + shared, key=itemgetter(0)) if shared else own


def _joined(due: list[_Due]) -> bytes:
    return due[0][1] if len(due) == 1 else b"".join([frame for _, frame, _ in due])
