import asyncio
from dataclasses import replace

import pytest

from app.adapters.memory.channel_repository import MemoryChannelRepository
from app.adapters.memory.store import MemoryStore
from app.domain.channel import (
    Channel,
    ChannelCreation,
    ChannelDraft,
    ChannelType,
    DeletedChannel,
    MemberRole,
)
from app.domain.errors import ChannelExists, ChannelNotFound, UserNotFound
from app.domain.events import ServerEvent
from app.domain.ids import ChannelId, UserId
from app.services.channel_service import MAX_DELETIONS, ChannelService
from tests.doubles.manual_clock import ManualClock
from tests.doubles.memory_socket_rooms import MemorySocketRooms
from tests.doubles.recording_broadcaster import Publication, RecordingBroadcaster
from tests.unit.services.people import ALICE, ALICES_PHONE, BOB, BOBS_PHONE, CAROL, GENERAL, RANDOM

pytestmark = pytest.mark.usefixtures("connected")

ROOM = "channel:general"
NEWS = ChannelId("news")
DRAFT = ChannelDraft(NEWS, "News", "What is new", ChannelType.PUBLIC, ALICE, (BOB, BOB, ALICE))


async def test_seed_makes_members_when_given_a_membership(
    channel_service: ChannelService, channels: MemoryChannelRepository
) -> None:
    await channel_service.seed({UserId("user_erin"): (RANDOM, GENERAL)})

    assert (GENERAL, RANDOM) == await channels.channels_of(UserId("user_erin"))


async def test_members_hear_of_a_channel_when_it_is_created(
    channel_service: ChannelService,
    channels: MemoryChannelRepository,
    rooms: MemorySocketRooms,
    broadcaster: RecordingBroadcaster,
    clock: ManualClock,
) -> None:
    """After the sockets have joined, each member is notified once, in the member's own room."""
    creation = await channel_service.create(DRAFT)

    channel = Channel(NEWS, "News", "What is new", ChannelType.PUBLIC, ALICE, clock.now())
    assert ChannelCreation(channel, is_new=True) == creation
    assert {ALICE, BOB} == (await channels.members_of_all([NEWS]))[NEWS]
    assert {ALICES_PHONE, BOBS_PHONE} == rooms.sockets_in("channel:news")
    notified = [
        Publication(f"user:{each}", ServerEvent.CHANNEL_CREATED, channel) for each in (BOB, ALICE)
    ]
    assert notified == broadcaster.published


async def test_nobody_hears_anything_when_a_channel_cannot_be_created(
    channel_service: ChannelService, rooms: MemorySocketRooms, broadcaster: RecordingBroadcaster
) -> None:
    await channel_service.create(DRAFT)
    broadcaster.published.clear()

    with pytest.raises(ChannelExists):
        await channel_service.create(replace(DRAFT, name="Olds"))
    stranger = ChannelDraft(
        ChannelId("other"), "Other", None, ChannelType.DM, ALICE, (UserId("stranger"),)
    )
    with pytest.raises(UserNotFound):
        await channel_service.create(stranger)

    assert [] == broadcaster.published
    assert set() == rooms.sockets_in("channel:other")


async def test_standing_channel_is_the_answer_when_it_is_asked_for_again(
    channel_service: ChannelService,
    channels: MemoryChannelRepository,
    rooms: MemorySocketRooms,
    broadcaster: RecordingBroadcaster,
) -> None:
    """Creating a channel that exists notifies nobody, even if its members have changed."""
    created = await channel_service.create(DRAFT)
    await channel_service.remove_member(NEWS, BOB)
    broadcaster.published.clear()

    repeated = await channel_service.create(replace(DRAFT, description="Changed"))

    assert ChannelCreation(created.channel, is_new=False) == repeated
    assert {ALICE} == (await channels.members_of_all([NEWS]))[NEWS]
    assert {ALICES_PHONE} == rooms.sockets_in("channel:news")
    assert [] == broadcaster.published


async def test_sockets_are_in_the_room_when_the_standing_channel_was_stored_by_others(
    channel_service: ChannelService,
    channels: MemoryChannelRepository,
    rooms: MemorySocketRooms,
    broadcaster: RecordingBroadcaster,
    clock: ManualClock,
) -> None:
    """The sockets join the room, but nobody is notified."""
    stored = Channel(NEWS, "News", None, ChannelType.PUBLIC, ALICE, clock.now())
    await channels.create(stored, {ALICE: MemberRole.OWNER, BOB: MemberRole.MEMBER})

    await channel_service.create(DRAFT)

    assert {ALICES_PHONE, BOBS_PHONE} == rooms.sockets_in("channel:news")
    assert [] == broadcaster.published


@pytest.mark.parametrize(
    "other",
    [
        replace(DRAFT, name="Olds"),
        replace(DRAFT, type=ChannelType.PRIVATE),
        replace(DRAFT, created_by_id=BOB),
    ],
    ids=["name", "type", "creator"],
)
async def test_creation_is_refused_when_another_channel_has_the_id(
    channel_service: ChannelService, other: ChannelDraft
) -> None:
    await channel_service.create(DRAFT)

    with pytest.raises(ChannelExists):
        await channel_service.create(other)


async def test_creation_is_refused_when_the_standing_channel_is_being_deleted(
    channel_service: ChannelService, channels: MemoryChannelRepository
) -> None:
    """An interrupted deletion has already removed the channel's members."""
    await channel_service.create(DRAFT)
    await channels.remove_members(NEWS)

    with pytest.raises(ChannelExists):
        await channel_service.create(DRAFT)


async def test_members_hear_of_the_end_when_a_channel_is_deleted(
    channel_service: ChannelService,
    channels: MemoryChannelRepository,
    rooms: MemorySocketRooms,
    broadcaster: RecordingBroadcaster,
) -> None:
    """Each member is notified once, in the member's own room, after the channel's room is empty."""
    await channel_service.delete(GENERAL)

    assert set() == rooms.sockets_in(ROOM)
    assert frozenset() == (await channels.members_of_all([GENERAL]))[GENERAL]
    deleted = DeletedChannel(GENERAL)
    assert {f"user:{each}": deleted for each in (ALICE, BOB, CAROL)} == {
        each.room: each.payload for each in broadcaster.published
    }
    assert 3 == len(broadcaster.published)


async def test_deletion_is_harmless_when_it_is_asked_for_again(
    channel_service: ChannelService, broadcaster: RecordingBroadcaster
) -> None:
    """A caller that lost the answer may repeat the deletion. Nobody is notified twice."""
    await asyncio.gather(channel_service.delete(GENERAL), channel_service.delete(GENERAL))
    await channel_service.delete(GENERAL)

    assert 3 == len(broadcaster.published)


async def test_deletion_is_refused_when_there_never_was_such_a_channel(
    channel_service: ChannelService,
) -> None:
    """The caller gets an error, because the channel's id may be misspelt."""
    with pytest.raises(ChannelNotFound):
        await channel_service.delete(NEWS)


async def test_few_deletions_are_remembered_when_there_were_many(
    channel_service: ChannelService, store: MemoryStore, channels: MemoryChannelRepository
) -> None:
    """The oldest deletions are dropped, so that the memory is bounded."""
    names = [ChannelId(f"channel-{number}") for number in range(MAX_DELETIONS + 1)]
    await channels.seed({ALICE: names})
    for name in names:
        await channel_service.delete(name)

    await channel_service.delete(names[1])
    with pytest.raises(ChannelNotFound):
        await channel_service.delete(names[0])

    assert set(names).isdisjoint(store.channels)
