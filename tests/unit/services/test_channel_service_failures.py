"""Tests channel changes when the storage, the bus or the caller fails.

The tested module is app/services/channel_service.py.
"""

import asyncio
import logging
from collections.abc import Mapping
from datetime import datetime

import pytest

from app.adapters.memory.channel_repository import MemoryChannelRepository
from app.adapters.memory.local_membership_bus import LocalMembershipBus
from app.adapters.memory.store import MemoryStore
from app.domain.channel import (
    Channel,
    ChannelDraft,
    ChannelType,
    MemberRole,
    MembershipOutcome,
    MembershipUpdate,
)
from app.domain.errors import Unavailable, Unconfirmed
from app.domain.events import ServerEvent
from app.domain.ids import ChannelId, UserId
from app.services.channel_service import ChannelService
from app.services.room_sync import RoomSync
from tests.doubles.manual_clock import ManualClock
from tests.doubles.memory_socket_rooms import MemorySocketRooms
from tests.doubles.recording_broadcaster import RecordingBroadcaster
from tests.unit.services.people import ALICE, ALICES_PHONE, BOB, BOBS_PHONE, GENERAL

pytestmark = pytest.mark.usefixtures("connected")

ROOM = "channel:general"
NEWS = ChannelDraft(ChannelId("news"), "News", None, ChannelType.PUBLIC, ALICE, (BOB,))


class DisconnectedBus(LocalMembershipBus):
    """Publishes to this node only, and reports that other nodes received nothing."""

    async def publish(self, update: MembershipUpdate) -> None:
        await super().publish(update)
        raise Unavailable


class SlowChannels(MemoryChannelRepository):
    """Removes a member only when the test allows it. Fails the first deletion of a channel."""

    def __init__(self, store: MemoryStore) -> None:
        super().__init__(store)
        self.began = asyncio.Event()
        self.may_end = asyncio.Event()
        self._has_failed = False

    async def remove_member(self, channel_id: ChannelId, user_id: UserId) -> bool:
        self.began.set()
        await self.may_end.wait()
        return await super().remove_member(channel_id, user_id)

    async def delete(self, channel_id: ChannelId) -> None:
        if not self._has_failed:
            self._has_failed = True
            raise Unavailable
        await super().delete(channel_id)


class UnconfirmedChannels(MemoryChannelRepository):
    """Stores its first change, but raises `Unconfirmed` for it."""

    def __init__(self, store: MemoryStore) -> None:
        super().__init__(store)
        self._has_failed = False

    async def create(self, channel: Channel, roles: Mapping[UserId, MemberRole]) -> None:
        await super().create(channel, roles)
        self._fail_once()

    async def add_member(
        self, channel_id: ChannelId, user_id: UserId, role: MemberRole | None, now: datetime
    ) -> MembershipOutcome:
        outcome = await super().add_member(channel_id, user_id, role, now)
        self._fail_once()
        return outcome

    async def remove_member(self, channel_id: ChannelId, user_id: UserId) -> bool:
        was_member = await super().remove_member(channel_id, user_id)
        self._fail_once()
        return was_member

    async def remove_members(self, channel_id: ChannelId) -> frozenset[UserId]:
        members = await super().remove_members(channel_id)
        self._fail_once()
        return members

    def _fail_once(self) -> None:
        if not self._has_failed:
            self._has_failed = True
            raise Unconfirmed


@pytest.fixture
def slow_channels(store: MemoryStore) -> SlowChannels:
    return SlowChannels(store)


@pytest.fixture
def slow_service(
    slow_channels: SlowChannels,
    membership: LocalMembershipBus,
    room_sync: RoomSync,
    broadcaster: RecordingBroadcaster,
    clock: ManualClock,
) -> ChannelService:
    return ChannelService(slow_channels, membership, room_sync, broadcaster, clock)


@pytest.fixture
def unconfirmed_service(
    store: MemoryStore,
    membership: LocalMembershipBus,
    room_sync: RoomSync,
    broadcaster: RecordingBroadcaster,
    clock: ManualClock,
) -> ChannelService:
    channels = UnconfirmedChannels(store)
    return ChannelService(channels, membership, room_sync, broadcaster, clock)


@pytest.fixture
def disconnected_service(
    channels: MemoryChannelRepository,
    room_sync: RoomSync,
    broadcaster: RecordingBroadcaster,
    clock: ManualClock,
) -> ChannelService:
    bus = DisconnectedBus()
    bus.listen(room_sync.apply)
    return ChannelService(channels, bus, room_sync, broadcaster, clock)


async def test_deletion_goes_on_when_it_was_interrupted(
    slow_service: ChannelService, store: MemoryStore, broadcaster: RecordingBroadcaster
) -> None:
    """The second call completes the deletion. Each member is notified once."""
    with pytest.raises(Unavailable):
        await slow_service.delete(GENERAL)
    await slow_service.delete(GENERAL)

    assert GENERAL not in store.channels
    assert 3 == len(broadcaster.published)


async def test_users_in_the_room_are_notified_when_a_deletion_was_not_confirmed(
    unconfirmed_service: ChannelService, broadcaster: RecordingBroadcaster
) -> None:
    """The repeated deletion finds no members, but notifies each user in the room once."""
    with pytest.raises(Unconfirmed):
        await unconfirmed_service.delete(GENERAL)
    published_unconfirmed = list(broadcaster.published)
    await unconfirmed_service.delete(GENERAL)

    assert [] == published_unconfirmed
    assert ["user:user_alice", "user:user_bob"] == sorted(
        each.room for each in broadcaster.published
    )
    assert {ServerEvent.CHANNEL_DELETED} == {each.event for each in broadcaster.published}


async def test_members_are_notified_once_when_an_unconfirmed_creation_is_repeated(
    unconfirmed_service: ChannelService,
    broadcaster: RecordingBroadcaster,
    rooms: MemorySocketRooms,
) -> None:
    """The repeated call finds the channel in the storage, and does not report it as new."""
    with pytest.raises(Unconfirmed):
        await unconfirmed_service.create(NEWS)
    published_unconfirmed = list(broadcaster.published)
    creations = [await unconfirmed_service.create(NEWS) for _ in range(2)]

    assert [] == published_unconfirmed
    assert [False, False] == [each.is_new for each in creations]
    assert {ALICES_PHONE, BOBS_PHONE} == rooms.sockets_in("channel:news")
    assert [
        ("user:user_alice", ServerEvent.CHANNEL_CREATED),
        ("user:user_bob", ServerEvent.CHANNEL_CREATED),
    ] == [(each.room, each.event) for each in broadcaster.published]


async def test_channel_is_notified_once_when_an_unconfirmed_addition_is_repeated(
    unconfirmed_service: ChannelService, store: MemoryStore, broadcaster: RecordingBroadcaster
) -> None:
    store.leave(GENERAL, BOB)

    with pytest.raises(Unconfirmed):
        await unconfirmed_service.add_member(GENERAL, BOB)
    published_unconfirmed = list(broadcaster.published)
    changed = [await unconfirmed_service.add_member(GENERAL, BOB) for _ in range(2)]

    assert ([], [True, False]) == (published_unconfirmed, changed)
    assert [(ROOM, ServerEvent.ROOM_MEMBER_JOINED)] == [
        (each.room, each.event) for each in broadcaster.published
    ]


async def test_channel_and_user_are_notified_once_when_an_unconfirmed_removal_is_repeated(
    unconfirmed_service: ChannelService, broadcaster: RecordingBroadcaster
) -> None:
    with pytest.raises(Unconfirmed):
        await unconfirmed_service.remove_member(GENERAL, BOB)
    published_unconfirmed = list(broadcaster.published)
    changed = [await unconfirmed_service.remove_member(GENERAL, BOB) for _ in range(2)]

    assert ([], [True, False]) == (published_unconfirmed, changed)
    assert [
        (ROOM, ServerEvent.ROOM_MEMBER_LEFT),
        ("user:user_bob", ServerEvent.ROOM_MEMBER_LEFT),
    ] == [(each.room, each.event) for each in broadcaster.published]


async def test_members_are_notified_when_other_nodes_are_not(
    disconnected_service: ChannelService,
    rooms: MemorySocketRooms,
    broadcaster: RecordingBroadcaster,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Other nodes find the change in the storage later."""
    with caplog.at_level(logging.WARNING):
        removed = await disconnected_service.remove_member(GENERAL, BOB)

    assert (True, {ALICES_PHONE}) == (removed, rooms.sockets_in(ROOM))
    assert 2 == len(broadcaster.published)
    assert ["a membership change was not published; other nodes will reload it"] == caplog.messages


async def test_changes_of_a_channel_are_published_in_the_order_of_storing(
    slow_service: ChannelService,
    slow_channels: SlowChannels,
    broadcaster: RecordingBroadcaster,
) -> None:
    """The second change waits for the first one, even if the storage is slow."""
    removing = asyncio.create_task(slow_service.remove_member(GENERAL, BOB))
    await slow_channels.began.wait()
    adding = asyncio.create_task(slow_service.add_member(GENERAL, BOB))
    await asyncio.sleep(0)
    slow_channels.may_end.set()
    await asyncio.gather(removing, adding)

    assert ["room:member:left", "room:member:left", "room:member:joined"] == [
        each.event for each in broadcaster.published
    ]
    assert BOB in (await slow_channels.members_of_all([GENERAL]))[GENERAL]


async def test_change_ends_when_its_caller_is_cancelled(
    slow_service: ChannelService,
    slow_channels: SlowChannels,
    broadcaster: RecordingBroadcaster,
) -> None:
    """The change is stored, and the shutdown waits until it is published."""
    removing = asyncio.create_task(slow_service.remove_member(GENERAL, BOB))
    await slow_channels.began.wait()
    removing.cancel()
    ending = asyncio.create_task(slow_service.on_module_destroy())
    await asyncio.sleep(0)
    slow_channels.may_end.set()
    await ending

    assert 2 == len(broadcaster.published)
