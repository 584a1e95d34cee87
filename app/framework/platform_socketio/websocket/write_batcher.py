"""Builds WebSocket frames, and writes the frames of one event loop tick together.

All frames for a client are joined into one write per tick, because the system call is the slowest
part of a delivery. A frame for a room is stored once, not once per member.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable
from contextvars import copy_context
from operator import itemgetter
from typing import Any, Generic, Protocol, TypeVar

_MEDIUM, _LONG = 126, 65_536
"""The smallest payload lengths that need two and eight additional bytes in the header."""

_SHORT_TEXT_HEADERS = tuple(bytes([0x81, length]) for length in range(_MEDIUM))
"""Frame headers for short text messages, indexed by payload length. Most messages are short."""


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


def binary_frame(payload: bytes) -> bytes:
    """Build a binary message in one frame."""
    return b"\x82" + text_frame(payload)[1:]


def close_frame(code: int) -> bytes:
    """Build a close frame with a status code (RFC 6455, section 7.4)."""
    return b"\x88\x02%b" % code.to_bytes(2)


def pong_frame(payload: bytes) -> bytes:
    """Build the answer to a ping with this payload, which has at most 125 bytes."""
    return b"\x8a%c%b" % (len(payload), payload)


class Writable(Protocol):
    """A connection that can be written to."""

    write: Callable[[bytes], Any]
    """Writes bytes to the client's TCP connection at once."""

    def write_failed(self, error: Exception) -> None:
        """Close the connection after an error in ``write``, but not in the same tick.

        In that tick, the caller may be iterating over the members of the connection's groups.
        """


class Recipient(Writable, Protocol):
    """The part of a connection that the `WriteBatcher` needs. `WebSocket` implements it."""

    groups: "RecipientGroups"
    """The groups that contain this client; changed only by `add_group` and `remove_group`."""


_QueuedFrame = tuple[int, bytes, Collection[Recipient]]
"""The number of a frame in sending order, its bytes, and the excluded recipients."""


Member = TypeVar("Member", bound=Recipient)


class RecipientGroup(Generic[Member]):
    """Connections that receive the same frames, such as the members of a room.

    Attributes:
        name: The room's name; None for the group of all sockets in a namespace.
        queued: The frames of the current tick for the whole group.
    """

    __slots__ = ("members", "name", "queued")

    def __init__(self, name: str | None) -> None:
        self.name = name
        self.members: dict[str, Member] = {}
        self.queued: list[_QueuedFrame] = []


RecipientGroups = list[RecipientGroup[Any]] | dict[RecipientGroup[Any], None]
"""The groups of one recipient. A short list takes 136 bytes less than a dict."""

_MAX_LISTED_GROUPS = 16
"""With more groups, a dict is used: removing all groups from a list takes quadratic time."""


def add_group(recipient: Recipient, group: RecipientGroup[Any]) -> None:
    """Add a group to the recipient's groups."""
    groups = recipient.groups
    if isinstance(groups, dict):
        groups[group] = None
    elif len(groups) < _MAX_LISTED_GROUPS:
        groups.append(group)
    else:
        recipient.groups = dict.fromkeys((*groups, group))


def remove_group(recipient: Recipient, group: RecipientGroup[Any]) -> None:
    """Remove a group from the recipient's groups, in constant time."""
    groups = recipient.groups
    if isinstance(groups, dict):
        del groups[group]
    else:
        groups.remove(group)


class WriteBatcher:
    """Collects frames and writes them in the order in which they were queued.

    Attributes:
        stalled: The recipients that currently do not read; they get no volatile frames.
        context: The server's ``contextvars`` context. Writes run in this context, because the
            sender's context would keep the sender's objects in memory.
    """

    def __init__(self) -> None:
        self.stalled: set[Recipient] = set()
        self.context = copy_context()
        self._loop = asyncio.get_running_loop()
        self._single_frames: dict[Recipient, list[_QueuedFrame]] = {}
        """The frames of the current tick for single recipients."""
        self._queued_groups: list[RecipientGroup[Any]] = []
        """The groups that have queued frames."""
        self._frame_count = 0
        """The number of queued frames, which is also the number of the latest frame."""

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
        """Write all queued frames if this group has any. Must be called before members change."""
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
            try:  # `write_now`, inlined to avoid a call per client
                recipient.write(data)
            except Exception as error:  # noqa: BLE001 - a failing client must not stop the others
                recipient.write_failed(error)


def write_now(recipient: Writable, data: bytes) -> None:
    """Write to one client. An error closes only that client's connection."""
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
            try:  # `write_now`, inlined to avoid a call per member
                recipient.write(data)
            except Exception as error:  # noqa: BLE001 - a failing client must not stop the others
                recipient.write_failed(error)


def _separate_recipients(
    single_frames: Iterable[Recipient], groups: list[RecipientGroup[Any]]
) -> set[Recipient]:
    """Return the recipients that cannot be sent a group's joined frames unchanged.

    These are recipients that also have single frames, are excluded from a frame, or are in several
    of the groups. In most ticks only one group has frames; then no members are compared.
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
    """Collect a recipient's single frames and its groups' frames, in sending order."""
    groups: Collection[RecipientGroup[Any]] = recipient.groups
    if len(queued_groups) < len(groups):
        groups = [group for group in queued_groups if group in groups]
    shared = [frame for group in groups for frame in group.queued if recipient not in frame[2]]
    return sorted(single_frames + shared, key=itemgetter(0)) if shared else single_frames


def _join(queued: list[_QueuedFrame]) -> bytes:
    return queued[0][1] if len(queued) == 1 else b"".join([frame for _, frame, _ in queued])
