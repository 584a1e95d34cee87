"""Publishes the events of other nodes to this node's clients."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping, Sequence
from contextlib import suppress
from contextvars import Context
from functools import partial
from itertools import islice
from typing import Any

from app.domain.channel import MembershipUpdate
from app.domain.delivery import DeliveryState
from app.domain.errors import Unavailable
from app.domain.events import ServerEvent
from app.domain.ids import ChannelId, MessageId, UserId, checked_id
from app.domain.rooms import channel_room
from app.ports import ChannelEvent, MessageRepository, NodeListener, Nodes, SocketRooms
from app.services.adoption_poller import AdoptionPoller
from app.services.delivery_service import DeliveryService
from app.services.message_publisher import MessagePublisher, log_unpublished
from app.services.presence_relay import PresenceRelay
from app.services.presence_service import PresenceService
from app.services.room_sync import RoomSync
from app.services.typing_service import TypingService

MAX_WAITING = 1_000
"""The maximum number of waiting events per channel. Further ones are dropped.

The messages among the dropped events are read from the storage.
"""
RETRY_SECONDS = 1.0
"""The time after which a failed attempt to find missed messages is repeated."""
CATCH_UPS_AT_ONCE = 10
"""The maximum number of channels whose missed messages `NodeSync.catch_up_all` reads together."""
PAUSE_SECONDS = 5.0
"""The pause between two searches for missed messages.

Other nodes may ask several times, for example when all have lost Redis, or when Redis refuses the
messages of a node.
"""
_CHANNELS_AT_ONCE = 1_000
"""The maximum number of channels in one query."""

_logger = logging.getLogger(__name__)


class NodeSync(NodeListener):
    """Publishes the events of other nodes to this node's clients.

    A message is published once, after all earlier messages of its channel. If an earlier message
    has not arrived, this node reads it from the storage; if that fails, the clients receive
    ``sync:required``. The channel's members are loaded if this node has not loaded them yet, or if
    another node has announced other members. Meanwhile, the channel's events wait.

    Attributes:
        is_needed: Whether there may be other nodes; if not, `start` need not be called.
    """

    def __init__(
        self,
        nodes: Nodes,
        messages: MessageRepository,
        publisher: MessagePublisher,
        room_sync: RoomSync,
        rooms: SocketRooms,
        typing: TypingService,
        adoption: AdoptionPoller,
        presence: PresenceService,
        presence_relay: PresenceRelay,
        deliveries: DeliveryService,
        pause_seconds: float = PAUSE_SECONDS,
        retry_seconds: float = RETRY_SECONDS,
    ) -> None:
        self.is_needed = nodes.is_clustered
        self._nodes = nodes
        self._messages = messages
        self._publisher = publisher
        self._room_sync = room_sync
        self._rooms = rooms
        self._typing = typing
        self._adoption = adoption
        self._presence = presence
        self._presence_relay = presence_relay
        self._deliveries = deliveries
        self._pause_seconds = pause_seconds
        self._retry_seconds = retry_seconds
        # The waiting events of each channel. None stands for messages that are in the storage only.
        self._waiting: dict[ChannelId, deque[ChannelEvent | None]] = {}
        # The channels whose first client on this node is connecting.
        self._starting: dict[ChannelId, asyncio.Future[None]] = {}
        self._catching_up: asyncio.Task[None] | None = None
        self._must_catch_up = False
        self._must_announce = False
        self._tasks: set[asyncio.Task[None]] = set()
        if nodes.is_clustered:
            room_sync.announce_members(nodes.announce_members)
        nodes.watch(self)

    def without_clients(self, channel_ids: Iterable[ChannelId]) -> list[ChannelId]:
        """Return the channels for which `start` must be called, before a socket joins their rooms.

        These are the channels without clients on this node, and those whose `start` has not ended.
        """
        return [
            each
            for each in channel_ids
            if each in self._starting or self._rooms.is_empty(channel_room(each))
        ]

    async def start(self, channel_ids: Collection[ChannelId]) -> None:
        """Wait until this node receives the events of channels to which a socket was just added.

        Call this before the socket is admitted: a message that is stored after this returns reaches
        the socket. If the other nodes cannot be reached now, the messages reach it later.
        """
        new = [each for each in channel_ids if each not in self._starting]
        if new:
            for channel_id in new:
                self._publisher.forget(channel_id)
            self._starting.update(dict.fromkeys(new, self._run(self._start(new))))
        await asyncio.wait({self._starting[each] for each in channel_ids})

    def receive(self, event: ChannelEvent) -> None:
        """See `NodeListener.receive`."""
        channel_id = event.channel_id
        is_presence = event.name == ServerEvent.PRESENCE
        # The next message need not wait, even if later messages are waiting for it.
        is_free = channel_id not in self._waiting or event.name == ServerEvent.MESSAGE_CREATED
        can_publish = is_free and self._room_sync.is_current(channel_id)
        if can_publish and not is_presence and self._publish(event):
            return
        if self._rooms.is_empty(channel_room(channel_id)):
            event.send()  # its recipients are in other rooms
        elif is_presence:
            self._presence_relay.receive(event)
        else:
            self._wait(channel_id, event)

    def is_receipt_current(self, payload: Mapping[str, Any]) -> bool:
        """See `NodeListener.is_receipt_current`."""
        match payload:
            case {
                "messageId": str(message_id),
                "recipientId": str(recipient_id),
                "status": DeliveryState.DELIVERED | DeliveryState.READ as status,
            }:
                return self._deliveries.receive(
                    MessageId(message_id), UserId(recipient_id), DeliveryState(status)
                )
        return True

    def apply_membership(self, update: MembershipUpdate, last_seq: int) -> None:
        """See `NodeListener.apply_membership`."""
        channel_id, room = update.channel_id, channel_room(update.channel_id)
        was_empty = self._rooms.is_empty(room)
        self._room_sync.apply(update)
        if was_empty and not self._rooms.is_empty(room):
            self._publisher.forget(channel_id)
            self._publisher.start(channel_id, last_seq)
            self._run(self._catch_up_when_subscribed(channel_id))

    def compare_members(self, channel_id: ChannelId, digest: int) -> None:
        """See `NodeListener.compare_members`."""
        self._room_sync.compare_members(channel_id, digest)

    def catch_up(self, channel_id: ChannelId) -> None:
        """See `NodeListener.catch_up`."""
        if not self._rooms.is_empty(channel_room(channel_id)):
            self._wait(channel_id, None)

    def catch_up_all(self, *, tell_others: bool) -> None:
        """See `NodeListener.catch_up_all`. Calls during a search cause one further search."""
        self._must_catch_up = True
        self._must_announce = self._must_announce or tell_others
        if self._catching_up is None:
            self._catching_up = self._run(self._catch_up_all())

    async def on_application_shutdown(self, _signal: str | None) -> None:
        """Stop publishing events of other nodes. None arrive, because the servers are closed."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _start(self, channel_ids: Sequence[ChannelId]) -> None:
        try:
            # Read the last ``seq`` after the subscription: later messages are received.
            with suppress(Unavailable):
                await self._nodes.confirm_subscriptions()
            for chunk in _chunks(channel_ids, _CHANNELS_AT_ONCE):
                last_seqs = await self._messages.last_seqs(chunk)
                for channel_id, last_seq in last_seqs.items():
                    self._publisher.start(channel_id, last_seq)
                    # If a message has arrived meanwhile, the client has received it, and must
                    # receive all later ones.
                    if self._publisher.is_behind(channel_id, last_seq):
                        self._wait(channel_id, None)
        except Unavailable:
            pass  # the next message that arrives counts as the first one
        finally:
            for channel_id in channel_ids:
                del self._starting[channel_id]

    def _publish(self, event: ChannelEvent) -> bool:
        """Publish an event of a known channel; return False if an earlier message is missing."""
        if event.name == ServerEvent.MESSAGE_CREATED:
            seq = event.payload.get("seq")
            if isinstance(seq, int):
                return self._publisher.publish_received(event, seq)
            # The original backend has stored the message. It is published after its adoption.
            with suppress(ValueError):
                message_id = MessageId(checked_id(event.payload.get("id")))
                self._adoption.announce(message_id, event.channel_id)
        elif event.name == ServerEvent.TYPING:
            self._typing.receive(event)
        else:
            event.send()
        return True

    def _wait(self, channel_id: ChannelId, event: ChannelEvent | None) -> None:
        waiting = self._waiting.get(channel_id)
        if waiting is None:
            self._waiting[channel_id] = deque((event,))
            self._run(self._run_in_turn(channel_id, self._publish_waiting))
        elif event is None and len(waiting) > 1 and waiting[-1] is None:
            pass  # the waiting search will find these messages, too
        elif len(waiting) < MAX_WAITING:
            waiting.append(event)
        else:
            waiting[-1] = None  # read the messages among the dropped events from the storage

    async def _run_in_turn(
        self, channel_id: ChannelId, job: Callable[[ChannelId], Coroutine[Any, Any, None]]
    ) -> None:
        await self._publisher.turns.run(channel_id, partial(job, channel_id), None)

    async def _publish_waiting(self, channel_id: ChannelId) -> None:
        waiting = self._waiting[channel_id]
        try:
            while waiting:
                event = waiting[0]
                await self._prepare(channel_id, event)
                if event is None:
                    await self._publish_missed(channel_id)
                elif not self._publish(event):
                    await self._publisher.publish_before(channel_id, event.payload["seq"])
                    self._publish(event)
                waiting.popleft()
        except Exception as error:  # noqa: BLE001 - other channels must be published
            self._fail(error)
        finally:
            del self._waiting[channel_id]

    async def _prepare(self, channel_id: ChannelId, event: ChannelEvent | None) -> None:
        if self._room_sync.is_current(channel_id):
            return
        if event is not None and isinstance(seq := event.payload.get("seq"), int):
            self._publisher.start(channel_id, seq - 1)
        with suppress(Unavailable):  # keep the sockets in the room as they are
            await self._publisher.prepare((channel_id,))

    async def _publish_missed(self, channel_id: ChannelId) -> None:
        try:
            await self._publisher.publish_missed(channel_id)
        except Exception as error:  # noqa: BLE001 - other events and channels must be published
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        if not isinstance(error, Unavailable):
            log_unpublished(error)
        self.catch_up_all(tell_others=False)

    async def _catch_up_when_subscribed(self, channel_id: ChannelId) -> None:
        with suppress(Unavailable):  # if unavailable, `catch_up_all` is called later
            await self._nodes.confirm_subscriptions()
            self.catch_up(channel_id)

    async def _catch_up_all(self) -> None:
        try:
            while self._must_catch_up or self._must_announce:
                must_announce = self._must_announce
                self._must_catch_up = self._must_announce = False
                pause_seconds = self._pause_seconds
                self._room_sync.invalidate_all()  # announcements may have been lost, too
                try:
                    await self._find_missed()
                except Unavailable:
                    self._must_catch_up = True
                    self._must_announce = self._must_announce or must_announce
                    pause_seconds = self._retry_seconds
                else:
                    self._presence.publish_again()
                    if must_announce:
                        self._nodes.announce_losses()
                await asyncio.sleep(pause_seconds)
        finally:
            self._catching_up = None

    async def _find_missed(self) -> None:
        """Publish the missed messages of each channel with clients on this node."""
        published = self._publisher.published()
        for chunk in _chunks(published, _CHANNELS_AT_ONCE):
            watched = [each for each in chunk if not self._rooms.is_empty(channel_room(each))]
            last_seqs = await self._messages.last_seqs(watched) if watched else {}
            behind = [
                channel_id
                for channel_id, last_seq in last_seqs.items()
                if self._publisher.is_behind(
                    channel_id, last_seq, published_before=published[channel_id]
                )
            ]
            for some in _chunks(behind, CATCH_UPS_AT_ONCE):
                await asyncio.gather(
                    *(self._run_in_turn(each, self._publish_missed) for each in some)
                )

    def _run(self, coroutine: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        task = asyncio.create_task(coroutine, name="node-sync", context=Context())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _chunks(channel_ids: Iterable[ChannelId], size: int) -> Iterable[list[ChannelId]]:
    remaining = iter(channel_ids)
    while chunk := list(islice(remaining, size)):
        yield chunk
