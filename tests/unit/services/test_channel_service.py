import asyncio
import logging

import pytest

from app.adapters.memory.local_membership_channel import LocalMembershipChannel
from app.adapters.memory.manual_clock import ManualClock
from app.adapters.memory.memory_channel_repository import MemoryChannelRepository
from app.adapters.memory.memory_socket_rooms import MemorySocketRooms
from app.adapters.memory.memory_store import MemoryStore
from app.adapters.memory.recording_broadcaster import Publication, RecordingBroadcaster
from app.domain.channel import (
    Channel,
    ChannelDraft,
    ChannelType,
    DeletedChannel,
    MemberRole,
    MembershipChange,
    MembershipNews,
)
from app.domain.errors import ChannelExists, ChannelNotFound, Unavailable, UserNotFound
from app.domain.events import ServerEvent
from app.domain.ids import ChannelId, UserId
from app.framework.eager import EagerTasks
from app.services.channel_audience import ChannelAudience
from app.services.channel_service import ChannelService
from app.services.event_service import EventService
from app.services.typing_service import TypingService
from tests.unit.services.people import (
    ALICE,
    ALICES_PHONE,
    BOB,
    BOBS_PHONE,
    CAROL,
    GENERAL,
    RANDOM,
)

ROOM = "channel:general"
NEWS = ChannelId("news")
DRAFT = ChannelDraft(NEWS, "News", "What is new", ChannelType.PUBLIC, ALICE, (BOB, BOB, ALICE))


@pytest.fixture(autouse=True)
def connected(rooms: MemorySocketRooms, audience: ChannelAudience) -> ChannelAudience:
    """Alice and Bob have a phone each, in general's room; rooms follow what is told."""
    rooms.connect(ALICES_PHONE, ALICE, ROOM)
    rooms.connect(BOBS_PHONE, BOB, ROOM)
    return audience


@pytest.fixture
def service(
    channels: MemoryChannelRepository,
    membership: LocalMembershipChannel,
    broadcaster: RecordingBroadcaster,
    clock: ManualClock,
    starter: EagerTasks,
) -> ChannelService:
    """Over general and random."""
    return ChannelService(channels, membership, broadcaster, clock, starter)


class HeardIn(RecordingBroadcaster):
    """Writes down who was in the room when something was told."""

    def __init__(self, rooms: MemorySocketRooms) -> None:
        super().__init__()
        self._rooms = rooms
        self.heard: list[tuple[str, frozenset[UserId]]] = []

    def publish(self, room: str, event: ServerEvent, payload: object, **_: object) -> None:
        """Look into the room."""
        del payload
        self.heard.append((event, self._rooms.users_in(room)))


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


def change(clock: ManualClock, user_id: UserId) -> MembershipChange:
    """Of general, now."""
    return MembershipChange(GENERAL, user_id, clock.now())


async def test_seed_makes_members_when_given_a_membership(
    service: ChannelService, channels: MemoryChannelRepository
) -> None:
    """What a seed file names exists afterwards."""
    await service.seed({UserId("user_erin"): (RANDOM, GENERAL)})

    assert (GENERAL, RANDOM) == await channels.channels_of(UserId("user_erin"))


async def test_members_hear_of_a_channel_when_it_is_created(
    service: ChannelService,
    channels: MemoryChannelRepository,
    rooms: MemorySocketRooms,
    broadcaster: RecordingBroadcaster,
    clock: ManualClock,
) -> None:
    """Each once, in their own room; their sockets are in the channel's by then."""
    channel = await service.create(DRAFT)

    expected = Channel(NEWS, "News", "What is new", ChannelType.PUBLIC, ALICE, clock.now())
    assert expected == channel
    assert {ALICE, BOB} == await channels.members_of(NEWS)
    assert {ALICES_PHONE, BOBS_PHONE} == rooms.sockets_in("channel:news")
    told = [
        Publication(f"user:{each}", ServerEvent.CHANNEL_CREATED, channel) for each in (BOB, ALICE)
    ]
    assert told == broadcaster.published


async def test_nobody_hears_anything_when_a_channel_cannot_be_created(
    service: ChannelService, rooms: MemorySocketRooms, broadcaster: RecordingBroadcaster
) -> None:
    """Its id is taken, or somebody is not known."""
    await service.create(DRAFT)
    broadcaster.published.clear()

    with pytest.raises(ChannelExists):
        await service.create(DRAFT)
    stranger = ChannelDraft(
        ChannelId("other"), "Other", None, ChannelType.DM, ALICE, (UserId("stranger"),)
    )
    with pytest.raises(UserNotFound):
        await service.create(stranger)

    assert [] == broadcaster.published
    assert set() == rooms.sockets_in("channel:other")


async def test_channel_hears_of_a_newcomer_when_their_sockets_have_joined(
    service: ChannelService,
    store: MemoryStore,
    rooms: MemorySocketRooms,
    broadcaster: RecordingBroadcaster,
    clock: ManualClock,
) -> None:
    """Once, however often they are added."""
    store.leave(GENERAL, BOB)
    rooms.leave([BOB], ROOM)

    added = [await service.add_member(GENERAL, BOB, MemberRole.ADMIN) for _ in range(2)]

    assert [True, False] == added
    assert {ALICES_PHONE, BOBS_PHONE} == rooms.sockets_in(ROOM)
    told = Publication(ROOM, ServerEvent.ROOM_MEMBER_JOINED, change(clock, BOB))
    assert [told] == broadcaster.published


async def test_channel_hears_of_a_removal_when_the_sockets_have_left(
    service: ChannelService,
    typing_service: TypingService,
    rooms: MemorySocketRooms,
    broadcaster: RecordingBroadcaster,
    clock: ManualClock,
) -> None:
    """First their typing ends; they hear of it in their own room; once."""
    await typing_service.start(BOB, GENERAL, BOBS_PHONE)
    broadcaster.published.clear()

    removed = [await service.remove_member(GENERAL, BOB) for _ in range(2)]

    assert [True, False] == removed
    assert {ALICES_PHONE} == rooms.sockets_in(ROOM)
    assert [
        (ROOM, ServerEvent.TYPING),
        (ROOM, ServerEvent.ROOM_MEMBER_LEFT),
        ("user:user_bob", ServerEvent.ROOM_MEMBER_LEFT),
    ] == [(each.room, each.event) for each in broadcaster.published]
    assert change(clock, BOB) == broadcaster.published[-1].payload
    assert () == await typing_service.list(ALICE, GENERAL)


async def test_nobody_who_was_removed_is_told_anything_in_the_room(
    channels: MemoryChannelRepository,
    audience: ChannelAudience,
    rooms: MemorySocketRooms,
    membership: LocalMembershipChannel,
    events: EventService,
    clock: ManualClock,
    starter: EagerTasks,
) -> None:
    """Not even that they stopped typing."""
    broadcaster = HeardIn(rooms)
    typing = TypingService(channels, events, audience, broadcaster, clock, 5.0)
    service = ChannelService(channels, membership, broadcaster, clock, starter)
    await typing.start(BOB, GENERAL, BOBS_PHONE)
    broadcaster.heard.clear()

    await service.remove_member(GENERAL, BOB)

    assert [
        ("typing", frozenset({ALICE})),
        ("room:member:left", frozenset({ALICE})),
        ("room:member:left", frozenset({BOB})),
    ] == broadcaster.heard


async def test_sockets_move_when_a_change_stands_that_was_never_applied(
    service: ChannelService,
    store: MemoryStore,
    rooms: MemorySocketRooms,
    broadcaster: RecordingBroadcaster,
) -> None:
    """As after a commit that nobody confirmed: asked again, it is made true here."""
    store.leave(GENERAL, BOB)

    removed = await service.remove_member(GENERAL, BOB)

    assert (False, {ALICES_PHONE}) == (removed, rooms.sockets_in(ROOM))
    assert [] == broadcaster.published


async def test_members_hear_of_the_end_when_a_channel_is_deleted(
    service: ChannelService,
    channels: MemoryChannelRepository,
    rooms: MemorySocketRooms,
    broadcaster: RecordingBroadcaster,
) -> None:
    """In their own rooms, once, and the channel's room is empty by then."""
    await service.delete(GENERAL)

    assert set() == rooms.sockets_in(ROOM)
    assert frozenset() == await channels.members_of(GENERAL)
    deleted = DeletedChannel(GENERAL)
    assert {f"user:{each}": deleted for each in (ALICE, BOB, CAROL)} == {
        each.room: each.payload for each in broadcaster.published
    }
    assert 3 == len(broadcaster.published)
    with pytest.raises(ChannelNotFound):
        await service.delete(GENERAL)


async def test_deletion_goes_on_when_it_was_interrupted(
    store: MemoryStore,
    membership: LocalMembershipChannel,
    broadcaster: RecordingBroadcaster,
    clock: ManualClock,
    starter: EagerTasks,
) -> None:
    """The second call finishes it, and members are told once."""
    channels = ReluctantChannels(store)
    service = ChannelService(channels, membership, broadcaster, clock, starter)

    with pytest.raises(Unavailable):
        await service.delete(GENERAL)
    await service.delete(GENERAL)

    assert GENERAL not in store.channels
    assert 3 == len(broadcaster.published)


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
    service = ChannelService(channels, deaf, broadcaster, clock, starter)

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
    broadcaster: RecordingBroadcaster,
    clock: ManualClock,
    starter: EagerTasks,
) -> None:
    """The second waits for the first, however slow its storage is."""
    channels = ReluctantChannels(store)
    service = ChannelService(channels, membership, broadcaster, clock, starter)

    removing = asyncio.create_task(service.remove_member(GENERAL, BOB))
    await channels.began.wait()
    adding = asyncio.create_task(service.add_member(GENERAL, BOB))
    await asyncio.sleep(0)
    channels.may_end.set()
    await asyncio.gather(removing, adding)

    assert ["room:member:left", "room:member:left", "room:member:joined"] == [
        each.event for each in broadcaster.published
    ]
    assert BOB in await channels.members_of(GENERAL)


async def test_change_is_ended_when_its_caller_goes(
    store: MemoryStore,
    membership: LocalMembershipChannel,
    broadcaster: RecordingBroadcaster,
    clock: ManualClock,
    starter: EagerTasks,
) -> None:
    """What is stored must be told; the module's end waits for it."""
    channels = ReluctantChannels(store)
    service = ChannelService(channels, membership, broadcaster, clock, starter)

    removing = asyncio.create_task(service.remove_member(GENERAL, BOB))
    await channels.began.wait()
    removing.cancel()
    ending = asyncio.create_task(service.on_module_destroy())
    await asyncio.sleep(0)
    channels.may_end.set()
    await ending

    assert 2 == len(broadcaster.published)
