"""Tests app/services/channel_service.py: storage that fails or does not confirm."""

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


class DeafNodes(LocalMembershipBus):
    """Tells this node alone."""

    async def publish(self, news: MembershipUpdate) -> None:
        """And says that the others did not hear it."""
        await super().publish(news)
        raise Unavailable


class ReluctantChannels(MemoryChannelRepository):
    """Removes members when a test lets it; its first deletion fails."""

    def __init__(self, store: MemoryStore) -> None:
        super().__init__(store)
        self.began = asyncio.Event()
        self.may_end = asyncio.Event()
        self._has_failed = False

    async def remove_member(self, channel_id: ChannelId, user_id: UserId) -> bool:
        """Wait, then do it."""
        self.began.set()
        await self.may_end.wait()
        return await super().remove_member(channel_id, user_id)

    async def delete(self, channel_id: ChannelId) -> None:
        """Do it the second time."""
        if not self._has_failed:
            self._has_failed = True
            raise Unavailable
        await super().delete(channel_id)


class LosingChannels(MemoryChannelRepository):
    """Stores its first change, and then loses the connection."""

    def __init__(self, store: MemoryStore) -> None:
        super().__init__(store)
        self._has_lost = False

    async def create(self, channel: Channel, roles: Mapping[UserId, MemberRole]) -> None:
        """As the class says."""
        await super().create(channel, roles)
        self._lose()

    async def add_member(
        self, channel_id: ChannelId, user_id: UserId, role: MemberRole | None, now: datetime
    ) -> MembershipOutcome:
        """As the class says."""
        addition = await super().add_member(channel_id, user_id, role, now)
        self._lose()
        return addition

    async def remove_member(self, channel_id: ChannelId, user_id: UserId) -> bool:
        """As the class says."""
        was_member = await super().remove_member(channel_id, user_id)
        self._lose()
        return was_member

    async def remove_members(self, channel_id: ChannelId) -> frozenset[UserId]:
        """As the class says."""
        members = await super().remove_members(channel_id)
        self._lose()
        return members

    def _lose(self) -> None:
        if not self._has_lost:
            self._has_lost = True
            raise Unconfirmed


async def test_deletion_goes_on_when_it_was_interrupted(
    store: MemoryStore,
    membership: LocalMembershipBus,
    audience: RoomSync,
    broadcaster: RecordingBroadcaster,
    clock: ManualClock,
) -> None:
    """The second call finishes it, and members are told once."""
    channels = ReluctantChannels(store)
    service = ChannelService(channels, membership, audience, broadcaster, clock)

    with pytest.raises(Unavailable):
        await service.delete(GENERAL)
    await service.delete(GENERAL)

    assert GENERAL not in store.channels
    assert 3 == len(broadcaster.published)


async def test_those_in_the_room_hear_of_the_end_when_the_removal_was_not_confirmed(
    store: MemoryStore,
    membership: LocalMembershipBus,
    audience: RoomSync,
    broadcaster: RecordingBroadcaster,
    clock: ManualClock,
) -> None:
    """Asked again, there are no members any more; nobody hears it twice."""
    channels = LosingChannels(store)
    service = ChannelService(channels, membership, audience, broadcaster, clock)

    with pytest.raises(Unconfirmed):
        await service.delete(GENERAL)
    told_unconfirmed = list(broadcaster.published)
    await service.delete(GENERAL)

    assert [] == told_unconfirmed
    assert ["user:user_alice", "user:user_bob"] == sorted(
        each.room for each in broadcaster.published
    )
    assert {ServerEvent.CHANNEL_DELETED} == {each.event for each in broadcaster.published}


async def test_members_hear_of_a_channel_when_its_creation_is_asked_for_again_unconfirmed(
    store: MemoryStore,
    membership: LocalMembershipBus,
    audience: RoomSync,
    broadcaster: RecordingBroadcaster,
    rooms: MemorySocketRooms,
    clock: ManualClock,
) -> None:
    """It stands, so it is no new one; they hear of it once."""
    channels = LosingChannels(store)
    service = ChannelService(channels, membership, audience, broadcaster, clock)

    with pytest.raises(Unconfirmed):
        await service.create(NEWS)
    told_unconfirmed = list(broadcaster.published)
    creations = [await service.create(NEWS) for _ in range(2)]

    assert [] == told_unconfirmed
    assert [False, False] == [each.is_new for each in creations]
    assert {ALICES_PHONE, BOBS_PHONE} == rooms.sockets_in("channel:news")
    assert [
        ("user:user_alice", ServerEvent.CHANNEL_CREATED),
        ("user:user_bob", ServerEvent.CHANNEL_CREATED),
    ] == [(each.room, each.event) for each in broadcaster.published]


async def test_channel_hears_of_a_newcomer_when_they_are_added_again_unconfirmed(
    store: MemoryStore,
    membership: LocalMembershipBus,
    audience: RoomSync,
    broadcaster: RecordingBroadcaster,
    clock: ManualClock,
) -> None:
    """As if they had just come; once."""
    store.leave(GENERAL, BOB)
    channels = LosingChannels(store)
    service = ChannelService(channels, membership, audience, broadcaster, clock)

    with pytest.raises(Unconfirmed):
        await service.add_member(GENERAL, BOB)
    told_unconfirmed = list(broadcaster.published)
    changed = [await service.add_member(GENERAL, BOB) for _ in range(2)]

    assert ([], [True, False]) == (told_unconfirmed, changed)
    assert [(ROOM, ServerEvent.ROOM_MEMBER_JOINED)] == [
        (each.room, each.event) for each in broadcaster.published
    ]


async def test_channel_hears_of_a_removal_when_it_is_asked_for_again_unconfirmed(
    store: MemoryStore,
    membership: LocalMembershipBus,
    audience: RoomSync,
    broadcaster: RecordingBroadcaster,
    clock: ManualClock,
) -> None:
    """As if they had just gone; once, and they hear it too."""
    channels = LosingChannels(store)
    service = ChannelService(channels, membership, audience, broadcaster, clock)

    with pytest.raises(Unconfirmed):
        await service.remove_member(GENERAL, BOB)
    told_unconfirmed = list(broadcaster.published)
    changed = [await service.remove_member(GENERAL, BOB) for _ in range(2)]

    assert ([], [True, False]) == (told_unconfirmed, changed)
    assert [
        (ROOM, ServerEvent.ROOM_MEMBER_LEFT),
        ("user:user_bob", ServerEvent.ROOM_MEMBER_LEFT),
    ] == [(each.room, each.event) for each in broadcaster.published]


async def test_members_are_told_when_other_nodes_are_not(
    channels: MemoryChannelRepository,
    audience: RoomSync,
    rooms: MemorySocketRooms,
    broadcaster: RecordingBroadcaster,
    clock: ManualClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The change is stored; they will find it."""
    deaf = DeafNodes()
    deaf.listen(audience.apply)
    service = ChannelService(channels, deaf, audience, broadcaster, clock)

    with caplog.at_level(logging.WARNING):
        removed = await service.remove_member(GENERAL, BOB)

    assert (True, {ALICES_PHONE}) == (removed, rooms.sockets_in(ROOM))
    assert 2 == len(broadcaster.published)
    assert ["a membership change was not published; other nodes will reload it"] == (
        caplog.messages
    )


async def test_changes_of_a_channel_are_told_in_the_order_of_storing(
    store: MemoryStore,
    membership: LocalMembershipBus,
    audience: RoomSync,
    broadcaster: RecordingBroadcaster,
    clock: ManualClock,
) -> None:
    """The second waits for the first, however slow its storage is."""
    channels = ReluctantChannels(store)
    service = ChannelService(channels, membership, audience, broadcaster, clock)

    removing = asyncio.create_task(service.remove_member(GENERAL, BOB))
    await channels.began.wait()
    adding = asyncio.create_task(service.add_member(GENERAL, BOB))
    await asyncio.sleep(0)
    channels.may_end.set()
    await asyncio.gather(removing, adding)

    assert ["room:member:left", "room:member:left", "room:member:joined"] == [
        each.event for each in broadcaster.published
    ]
    assert BOB in (await channels.members_of_all([GENERAL]))[GENERAL]


async def test_change_is_ended_when_its_caller_goes(
    store: MemoryStore,
    membership: LocalMembershipBus,
    audience: RoomSync,
    broadcaster: RecordingBroadcaster,
    clock: ManualClock,
) -> None:
    """What is stored must be told; the module's end waits for it."""
    channels = ReluctantChannels(store)
    service = ChannelService(channels, membership, audience, broadcaster, clock)

    removing = asyncio.create_task(service.remove_member(GENERAL, BOB))
    await channels.began.wait()
    removing.cancel()
    ending = asyncio.create_task(service.on_module_destroy())
    await asyncio.sleep(0)
    channels.may_end.set()
    await ending

    assert 2 == len(broadcaster.published)
