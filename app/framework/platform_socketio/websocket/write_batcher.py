"""Builds WebSocket frames, collects those of one event loop tick, and writes them at its end.

Each client gets one write per tick for any number of frames: the system call costs more than the
rest of a delivery. A frame for a room is stored once, not once per member.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable
from contextvars import copy_context
from operator import itemgetter
from typing import Any, Generic, Protocol, TypeVar

_MEDIUM, _LONG = 126, 65_536
"""From these lengths on, the length of a payload follows its header in two or eight bytes."""

_SHORT_TEXT_HEADERS = tuple(bytes([0x81, length]) for length in range(_MEDIUM))
"""The header of a short text by its length. Most frames are short texts."""


def text_frame(payload: bytes) -> bytes:
    """Build a text message in one frame (RFC 6455, section 5.2); ``payload`` is UTF-8.

    All frames of the server are final, unmasked and uncompressed.
    """
    length = len(payload)
    if length < _MEDIUM:
        return _SHORT_TEXT_HEADERS[length] + payload
    if length < _LONG:
        return b"\x81\x7e%b%b" % (length.to_bytes(2), payload)
    return b"\x81\x7f%b%b" % (length.to_bytes(8), payload)


def close_frame(code: int) -> bytes:
    """Build the close frame with a status code (section 7.4)."""
    return b"\x88\x02%b" % code.to_bytes(2)


def pong_frame(payload: bytes) -> bytes:
    """Build the answer to a ping with this payload, of 125 bytes at most."""
    return b"\x8a%c%b" % (len(payload), payload)


class Writable(Protocol):
    """A client that can be written to."""

    write: Callable[[bytes], Any]
    """Writes bytes to the client's TCP connection at once."""

    def write_failed(self, error: Exception) -> None:
        """Called when ``write`` has raised. Must end the connection only after this tick."""


class Recipient(Writable, Protocol):
    """The part of a connection that the `WriteBatcher` needs. `WebSocket` implements it."""

    groups: "RecipientGroups"
    """The groups that contain this client. Only `add_group` and `remove_group` change them."""


_QueuedFrame = tuple[int, bytes, Collection[Recipient]]
"""A frame: its number in sending order, its bytes, and the recipients that must not get it."""


Member = TypeVar("Member", bound=Recipient)


class RecipientGroup(Generic[Member]):
    """Connections that receive the same frames, such as the members of a room.

    Attributes:
        name: The room's name; None for the group of all sockets in a namespace.
        queued: The frames of this tick for the whole group.
    """

    __slots__ = ("members", "name", "queued")

    def __init__(self, name: str | None) -> None:
        self.name = name
        self.members: dict[str, Member] = {}
        self.queued: list[_QueuedFrame] = []


RecipientGroups = list[RecipientGroup[Any]] | dict[RecipientGroup[Any], None]
"""The groups of one recipient: a list while they are few, which saves 136 bytes per client."""

_MAX_LISTED_GROUPS = 16
"""A recipient in more groups gets a dict: leaving them all would take quadratic time in a list."""


def add_group(recipient: Recipient, group: RecipientGroup[Any]) -> None:
    """Add a group to those of the recipient."""
    groups = recipient.groups
    if isinstance(groups, dict):
        groups[group] = None
    elif len(groups) < _MAX_LISTED_GROUPS:
        groups.append(group)
    else:
        recipient.groups = dict.fromkeys((*groups, group))


def remove_group(recipient: Recipient, group: RecipientGroup[Any]) -> None:
    """Remove a group from those of the recipient, in constant time."""
    groups = recipient.groups
    if isinstance(groups, dict):
        del groups[group]
    else:
        groups.remove(group)


class WriteBatcher:
    """Collects frames and writes them in the order in which they were sent.

    Attributes:
        stalled: The recipients that currently do not read, so that volatile frames skip them.
        context: The server's context, in which writes run, so that they keep no object of the
            sender alive.
    """

    def __init__(self) -> None:
        self.stalled: set[Recipient] = set()
        self.context = copy_context()
        self._loop = asyncio.get_running_loop()
        self._single_frames: dict[Recipient, list[_QueuedFrame]] = {}
        """The frames of this tick for single recipients."""
        self._queued_groups: list[RecipientGroup[Any]] = []
        """The groups that have frames of this tick."""
        self._frame_count = 0
        """The number of frames in this tick, which is also the number of the latest frame."""

    def queue_frame(self, recipient: Recipient, frame: bytes) -> None:
        """Queue a frame for one recipient."""
        if not self._frame_count:
            self._loop.call_soon(self.flush, context=self.context)
        self._frame_count += 1
        queued_frame = (self._frame_count, frame, ())
        queued = self._single_frames.get(recipient)
        if queued is None:
            self._single_frames[recipient] = [queued_frame]
        else:
            queued.append(queued_frame)

    def queue_group_frame(
        self, group: RecipientGroup[Any], frame: bytes, excluded: Collection[Recipient] = ()
    ) -> None:
        """Queue a frame for the current members of a group, except those in ``excluded``."""
        if not self._frame_count:
            self._loop.call_soon(self.flush, context=self.context)
        self._frame_count += 1
        if not group.queued:
            self._queued_groups.append(group)
        group.queued.append((self._frame_count, frame, excluded))

    def flush_group(self, group: RecipientGroup[Any]) -> None:
        """Write the group's frames now. Must be called before the group's members change."""
        if group.queued:
            self.flush()

    def flush(self) -> None:
        """Write all queued frames. Runs at the end of the tick; may be called earlier."""
        single_frames, self._single_frames = self._single_frames, {}
        groups, self._queued_groups = self._queued_groups, []
        self._frame_count = 0
        if groups:
            _write_with_groups(single_frames, groups)
            return
        for recipient, queued in single_frames.items():
            data = queued[0][1] if len(queued) == 1 else _join(queued)
            try:  # like `write_now`, without the cost of a call for each client
                recipient.write(data)
            except Exception as error:  # noqa: BLE001 - a failing client must not stop the others
                recipient.write_failed(error)


def write_now(recipient: Writable, data: bytes) -> None:
    """Write to one client. A failure ends that client's connection only."""
    try:
        recipient.write(data)
    except Exception as error:  # noqa: BLE001 - a failing client must not stop the others
        recipient.write_failed(error)


def _write_with_groups(
    single_frames: dict[Recipient, list[_QueuedFrame]], groups: list[RecipientGroup[Any]]
) -> None:
    separate = _separate_recipients(single_frames, groups)
    merged = [
        (recipient, _merge_frames(recipient, single_frames.get(recipient, []), groups))
        for recipient in separate
    ]
    shared = [(group, _join(group.queued)) for group in groups]
    for group in groups:
        group.queued = []
    for recipient, queued in merged:
        if queued:
            write_now(recipient, _join(queued))
    for group, data in shared:
        for recipient in group.members.values():
            if recipient in separate:
                continue
            try:  # like `write_now`, without the cost of a call for each member
                recipient.write(data)
            except Exception as error:  # noqa: BLE001 - a failing client must not stop the others
                recipient.write_failed(error)


def _separate_recipients(
    single_frames: Iterable[Recipient], groups: list[RecipientGroup[Any]]
) -> set[Recipient]:
    """Find the recipients for which a group's bytes must be changed.

    A recipient needs changed bytes if it also has single frames, is excluded from a frame, or is in
    several of the groups. Most ticks have frames for one group only; then the members need no
    check.
    """
    separate = set(single_frames)
    seen: set[Recipient] = set()
    for group in groups:
        for _, _, excluded in group.queued:
            separate.update(excluded)
        if len(groups) > 1:
            members = group.members.values()
            separate.update(seen.intersection(members))
            seen.update(members)
    return separate


def _merge_frames(
    recipient: Recipient,
    single_frames: list[_QueuedFrame],
    queued_groups: Collection[RecipientGroup[Any]],
) -> list[_QueuedFrame]:
    """Collect a recipient's single frames and those of its groups, in sending order."""
    groups: Collection[RecipientGroup[Any]] = recipient.groups
    if len(queued_groups) < len(groups):
        groups = [group for group in queued_groups if group in groups]
    shared = [frame for group in groups for frame in group.queued if recipient not in frame[2]]
    return sorted(single_frames + shared, key=itemgetter(0)) if shared else single_frames


def _join(queued: list[_QueuedFrame]) -> bytes:
    return queued[0][1] if len(queued) == 1 else b"".join([frame for _, frame, _ in queued])
