import asyncio
import logging

import pytest

from app.adapters.memory.local_membership_channel import LocalMembershipChannel
from app.adapters.memory.manual_clock import ManualClock
from app.adapters.memory.memory_channel_repository import MemoryChannelRepository
from app.adapters.memory.memory_socket_rooms import MemorySocketRooms
from app.adapters.memory.memory_store import MemoryStore
from app.adapters.memory.recording_broadcaster import RecordingBroadcaster
from app.domain.channel import MembershipNews
from app.domain.errors import Unavailable, Unconfirmed
from app.domain.events import ServerEvent
from app.domain.ids import ChannelId, UserId
from app.framework.eager import EagerTasks
from app.services.channel_audience import ChannelAudience
from app.services.channel_service import ChannelService
from tests.unit.services.people import ALICES_PHONE, BOB, GENERAL

pytestmark = pytest.mark.usefixtures("connected")

ROOM = "channel:general"


class DeafNodes(LocalMembershipChannel):
    """Tells this node alone."""

    async def publish(self, news: MembershipNews) -> None:
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
    """Stores its first removal of all members, and then loses the connection."""

    def __init__(self, store: MemoryStore) -> None:
        super().__init__(store)
        self._has_lost = False

    async def remove_members(self, channel_id: ChannelId) -> frozenset[UserId]:
        """Do it; the second time, say so."""
        members = await super().remove_members(channel_id)
        if self._has_lost:
            return members
        self._has_lost = True
        raise Unconfirmed


async def test_deletion_goes_on_when_it_was_interrupted(
    store: MemoryStore,
    membership: LocalMembershipChannel,
    audience: ChannelAudience,
    broadcaster: RecordingBroadcaster,
    clock: ManualClock,
    starter: EagerTasks,
) -> None:
    """The second call finishes it, and members are told once."""
    channels = ReluctantChannels(store)
    service = ChannelService(channels, membership, audience, broadcaster, clock, starter)

    with pytest.raises(Unavailable):
        await service.delete(GENERAL)
    await service.delete(GENERAL)

    assert GENERAL not in store.channels
    assert 3 == len(broadcaster.published)


async def test_those_in_the_room_hear_of_the_end_when_the_removal_was_not_confirmed(
    store: MemoryStore,
    membership: LocalMembershipChannel,
    audience: ChannelAudience,
    broadcaster: RecordingBroadcaster,
    clock: ManualClock,
    starter: EagerTasks,
) -> None:
    """Asked again, there are no members any more; nobody hears it twice."""
    channels = LosingChannels(store)
    service = ChannelService(channels, membership, audience, broadcaster, clock, starter)

    with pytest.raises(Unconfirmed):
        await service.delete(GENERAL)
    told_unconfirmed = list(broadcaster.published)
    await service.delete(GENERAL)

    assert [] == told_unconfirmed
    assert ["user:user_alice", "user:user_bob"] == sorted(
        each.room for each in broadcaster.published
    )
    assert {ServerEvent.CHANNEL_DELETED} == {each.event for each in broadcaster.published}


async def test_members_are_told_when_other_nodes_are_not(
    channels: MemoryChannelRepository,
    audience: ChannelAudience,
    rooms: MemorySocketRooms,
    broadcaster: RecordingBroadcaster,
    clock: ManualClock,
    starter: EagerTasks,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The change is stored; they will find it."""
    deaf = DeafNodes()
    deaf.listen(audience.apply)
    service = ChannelService(channels, deaf, audience, broadcaster, clock, starter)

    with caplog.at_level(logging.WARNING):
        removed = await service.remove_member(GENERAL, BOB)

    assert (True, {ALICES_PHONE}) == (removed, rooms.sockets_in(ROOM))
    assert 2 == len(broadcaster.published)
    assert ["other nodes were not told of a change of members; they will find it"] == (
        caplog.messages
    )


async def test_changes_of_a_channel_are_told_in_the_order_of_storing(
    store: MemoryStore,
    membership: LocalMembershipChannel,
    audience: ChannelAudience,
    broadcaster: RecordingBroadcaster,
    clock: ManualClock,
    starter: EagerTasks,
) -> None:
    """The second waits for the first, however slow its storage is."""
    channels = ReluctantChannels(store)
    service = ChannelService(channels, membership, audience, broadcaster, clock, starter)

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
    membership: LocalMembershipChannel,
    audience: ChannelAudience,
    broadcaster: RecordingBroadcaster,
    clock: ManualClock,
    starter: EagerTasks,
) -> None:
    """What is stored must be told; the module's end waits for it."""
    channels = ReluctantChannels(store)
    service = ChannelService(channels, membership, audience, broadcaster, clock, starter)

    removing = asyncio.create_task(service.remove_member(GENERAL, BOB))
    await channels.began.wait()
    removing.cancel()
    ending = asyncio.create_task(service.on_module_destroy())
    await asyncio.sleep(0)
    channels.may_end.set()
    await ending

    assert 2 == len(broadcaster.published)
