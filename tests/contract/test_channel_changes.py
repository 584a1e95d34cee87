"""The suite of `ChannelRepository` for creating and deleting channels, and for members."""

from dataclasses import replace
from datetime import timedelta

import pytest

from app.adapters.sql.channels.deletion import MESSAGES_AT_ONCE, RECEIPTS_AT_ONCE
from app.domain.channel import Channel, ChannelType, MemberRole, MembershipOutcome
from app.domain.delivery import DeliveryState
from app.domain.errors import ChannelExists, ChannelNotFound, NotAMember, UserNotFound
from app.domain.ids import ChannelId, UserId
from app.ports import Report
from tests.contract.storage import ALICE, BOB, CAROL, GENERAL, MALLORY, RANDOM, Storage, draft
from tests.doubles.manual_clock import DEFAULT_START as NOW

NEWS = ChannelId("news/ü")
UNKNOWN = ChannelId("unknown")
STRANGER = UserId("user_stranger")
BATCH = 256
ALICES_OWN = {ALICE: MemberRole.OWNER}


def channel(channel_id: ChannelId = NEWS, creator_id: UserId = ALICE) -> Channel:
    return Channel(channel_id, "News", None, ChannelType.PRIVATE, creator_id, created_at=NOW)


async def members_of(storage: Storage, channel_id: ChannelId) -> frozenset[UserId]:
    members = await storage.channels.members_of_all([channel_id])
    return members[channel_id]


async def test_members_are_those_of_each_channel_when_several_are_read(storage: Storage) -> None:
    """An unknown channel has no members."""
    members = await storage.channels.members_of_all([RANDOM, UNKNOWN, GENERAL])

    assert {RANDOM: {ALICE, BOB}, UNKNOWN: set(), GENERAL: {ALICE, BOB, CAROL}} == members
    assert {} == await storage.channels.members_of_all([])


@pytest.mark.parametrize("name", ['"', "\\", "ä 🎈", "]", "x" * 191])
async def test_members_are_found_when_the_channel_is_called_anything(
    storage: Storage, name: str
) -> None:
    """Any character may occur in a channel id, and none has a special meaning."""
    await storage.channels.seed({ALICE: [ChannelId(name)]})

    members = await storage.channels.members_of_all([ChannelId(name), RANDOM])

    assert {name: {ALICE}, RANDOM: {ALICE, BOB}} == members


async def test_members_are_found_when_very_many_channels_are_asked_for(storage: Storage) -> None:
    """There are more channels than a statement of SQLite or PostgreSQL may have parameters."""
    names = [ChannelId(f"channel-{number}") for number in range(40_000)]

    members = await storage.channels.members_of_all([*names, RANDOM])

    assert {*names, RANDOM} == members.keys()
    assert {ALICE, BOB} == members[RANDOM]


async def test_channel_has_its_members_when_it_is_created(storage: Storage) -> None:
    """The channel's members can send and receive; other users are not members."""
    roles = {ALICE: MemberRole.OWNER, BOB: MemberRole.ADMIN, MALLORY: MemberRole.MEMBER}

    await storage.channels.create(channel(), roles)

    assert set(roles) == await members_of(storage, NEWS)
    assert NEWS in await storage.channels.channels_of(MALLORY)
    assert not await storage.channels.is_member(NEWS, CAROL)
    await storage.messages.add_all([draft(MALLORY, NEWS)], now=NOW)
    assert {NEWS: 1} == (await storage.deliveries.undelivered_counts(BOB)).channels


async def test_channel_has_no_members_when_it_is_created_without(storage: Storage) -> None:
    """Even the creator is not a member of the channel."""
    await storage.channels.create(channel(), {})

    assert frozenset() == await members_of(storage, NEWS)
    added = await storage.channels.add_member(NEWS, BOB, MemberRole.MEMBER, NOW)
    assert MembershipOutcome.JOINED is added


async def test_channel_is_found_when_it_was_created(storage: Storage) -> None:
    """Before its creation and after its deletion, the channel is not found."""
    described = replace(channel(), description="What is new")
    before = await storage.channels.find(NEWS)
    await storage.channels.create(described, ALICES_OWN)

    found = await storage.channels.find(NEWS)

    await storage.channels.delete(NEWS)
    assert (None, described) == (before, found)
    assert None is await storage.channels.find(NEWS)


async def test_seeded_channel_is_found_when_it_is_asked_for(storage: Storage) -> None:
    """A seeded channel is named after its id, and was created by its first member."""
    found = await storage.channels.find(RANDOM)

    assert found is not None
    assert (RANDOM, None, ChannelType.PUBLIC, ALICE) == (
        found.name,
        found.description,
        found.type,
        found.created_by_id,
    )


async def test_standing_channel_is_left_as_it_is_when_another_is_to_be_called_so(
    storage: Storage,
) -> None:
    with pytest.raises(ChannelExists):
        await storage.channels.create(channel(RANDOM), {MALLORY: MemberRole.OWNER})

    assert {ALICE, BOB} == await members_of(storage, RANDOM)


@pytest.mark.parametrize(
    ("creator_id", "member_id"), [(STRANGER, ALICE), (ALICE, STRANGER)], ids=["creator", "member"]
)
async def test_nothing_is_created_when_somebody_is_not_known(
    storage: Storage, creator_id: UserId, member_id: UserId
) -> None:
    roles = {member_id: MemberRole.MEMBER, BOB: MemberRole.MEMBER}

    with pytest.raises(UserNotFound, match=STRANGER):
        await storage.channels.create(channel(creator_id=creator_id), roles)

    assert frozenset() == await members_of(storage, NEWS)
    with pytest.raises(ChannelNotFound):
        await storage.channels.remove_members(NEWS)


async def test_member_is_added_once_when_added_twice(storage: Storage) -> None:
    """The outcome of the second addition is that nothing changed."""
    first = await storage.channels.add_member(RANDOM, CAROL, None, NOW)
    second = await storage.channels.add_member(RANDOM, CAROL, MemberRole.MEMBER, NOW)

    assert (MembershipOutcome.JOINED, MembershipOutcome.NOTHING) == (first, second)
    assert {ALICE, BOB, CAROL} == await members_of(storage, RANDOM)


async def test_role_is_changed_when_a_member_is_added_in_another_one(storage: Storage) -> None:
    """Adding a member with the same role, or without a role, changes nothing."""
    await storage.channels.create(channel(), ALICES_OWN)
    roles = (MemberRole.OWNER, MemberRole.ADMIN, MemberRole.ADMIN, None, MemberRole.ADMIN)

    additions = [await storage.channels.add_member(NEWS, ALICE, role, NOW) for role in roles]

    nothing = MembershipOutcome.NOTHING
    assert [nothing, MembershipOutcome.ROLE_CHANGED, nothing, nothing, nothing] == additions


async def test_member_has_no_former_role_when_they_come_back_without_one(storage: Storage) -> None:
    """A returning member has the default role."""
    await storage.channels.add_member(RANDOM, CAROL, MemberRole.ADMIN, NOW)
    await storage.channels.remove_member(RANDOM, CAROL)

    await storage.channels.add_member(RANDOM, CAROL, None, NOW)

    assert MembershipOutcome.NOTHING is await storage.channels.add_member(
        RANDOM, CAROL, MemberRole.MEMBER, NOW
    )


async def test_newcomer_has_missed_nothing_when_messages_are_older(storage: Storage) -> None:
    """Only messages sent after the addition are undelivered to the new member."""
    await storage.messages.add_all([draft(ALICE, RANDOM)], now=NOW)

    later = NOW + timedelta(seconds=1)
    await storage.channels.add_member(RANDOM, CAROL, MemberRole.MEMBER, later)
    await storage.messages.add_all([draft(ALICE, RANDOM)], now=later)

    assert {RANDOM: 1} == (await storage.deliveries.undelivered_counts(CAROL)).channels


async def test_what_a_member_missed_waits_again_when_they_come_back(storage: Storage) -> None:
    """Only messages from before the removal are undelivered, not those sent during the absence."""
    before = draft(ALICE, RANDOM)
    await storage.messages.add_all([before], now=NOW)
    await storage.channels.remove_member(RANDOM, BOB)
    await storage.messages.add_all([draft(ALICE, RANDOM)], now=NOW)
    gone = (await storage.deliveries.undelivered_counts(BOB)).channels

    await storage.channels.add_member(RANDOM, BOB, MemberRole.MEMBER, NOW + timedelta(seconds=1))

    page = await storage.deliveries.undelivered(BOB, after=0, limit=10)
    assert {} == gone
    assert {RANDOM: 1} == (await storage.deliveries.undelivered_counts(BOB)).channels
    assert [before.id] == [message.id for message in page.messages]


async def test_member_is_removed_once_when_removed_twice(storage: Storage) -> None:
    """Undelivered messages are not counted for a removed user."""
    await storage.messages.add_all([draft(ALICE, RANDOM)], now=NOW)

    first = await storage.channels.remove_member(RANDOM, BOB)
    second = await storage.channels.remove_member(RANDOM, BOB)

    assert (True, False) == (first, second)
    assert {ALICE} == await members_of(storage, RANDOM)
    assert {} == (await storage.deliveries.undelivered_counts(BOB)).channels
    with pytest.raises(NotAMember):
        await storage.messages.list_after(RANDOM, BOB, after_seq=0, limit=1)


async def test_removing_changes_nothing_when_nobody_of_that_name_is_known(
    storage: Storage,
) -> None:
    assert not await storage.channels.remove_member(RANDOM, STRANGER)

    assert {ALICE, BOB} == await members_of(storage, RANDOM)


async def test_change_is_refused_when_the_channel_is_not_known(storage: Storage) -> None:
    """Deleting an unknown channel succeeds, because nothing is left to delete."""
    with pytest.raises(ChannelNotFound):
        await storage.channels.add_member(UNKNOWN, BOB, MemberRole.MEMBER, NOW)
    with pytest.raises(ChannelNotFound):
        await storage.channels.remove_member(UNKNOWN, BOB)
    with pytest.raises(ChannelNotFound):
        await storage.channels.remove_members(UNKNOWN)

    await storage.channels.delete(UNKNOWN)


async def test_stranger_is_not_added_when_nobody_knows_them(storage: Storage) -> None:
    with pytest.raises(UserNotFound, match=STRANGER):
        await storage.channels.add_member(RANDOM, STRANGER, MemberRole.MEMBER, NOW)

    assert {ALICE, BOB} == await members_of(storage, RANDOM)


async def test_nobody_is_left_when_all_members_are_removed(storage: Storage) -> None:
    """The first call returns the removed members; the second call returns no members."""
    first = await storage.channels.remove_members(RANDOM)
    second = await storage.channels.remove_members(RANDOM)

    assert [{ALICE, BOB}, set()] == [set(first), set(second)]
    assert {ALICE, BOB, CAROL} == await members_of(storage, GENERAL)


async def test_channel_is_gone_with_its_messages_when_it_is_deleted(storage: Storage) -> None:
    """The deletion takes several batches, and other channels keep their messages."""
    readers = [UserId(f"user_{number}") for number in range(10)]
    await storage.channels.seed({user_id: [RANDOM] for user_id in readers})
    drafts = [
        draft(ALICE, RANDOM, client_message_id=f"{number}")
        for number in range(MESSAGES_AT_ONCE + 1)
    ]
    for start in range(0, len(drafts), BATCH):
        await storage.messages.add_all(drafts[start : start + BATCH], now=NOW)
    await storage.messages.add_all([draft(ALICE, GENERAL)], now=NOW)
    for reader in readers:
        reports = [Report(each.id, reader, DeliveryState.DELIVERED) for each in drafts]
        await storage.deliveries.advance_all(reports, NOW)
    assert len(drafts) * len(readers) > RECEIPTS_AT_ONCE
    await storage.channels.remove_members(RANDOM)

    await storage.channels.delete(RANDOM)

    with pytest.raises(ChannelNotFound):
        await storage.channels.remove_members(RANDOM)
    assert () == await storage.messages.stored_after(RANDOM, 0, limit=10)
    assert 1 == len(await storage.messages.stored_after(GENERAL, 0, limit=10))
    assert {GENERAL: 1} == (await storage.deliveries.undelivered_counts(BOB)).channels


async def test_channel_starts_empty_when_it_is_created_after_its_deletion(
    storage: Storage,
) -> None:
    """The new channel has no messages of the deleted one, and its sequences start at 1."""
    await storage.messages.add_all([draft(ALICE, RANDOM)], now=NOW)
    await storage.channels.delete(RANDOM)

    await storage.channels.create(channel(RANDOM), {**ALICES_OWN, BOB: MemberRole.MEMBER})
    await storage.messages.add_all([draft(ALICE, RANDOM)], now=NOW)

    (message,) = await storage.messages.list_after(RANDOM, BOB, after_seq=0, limit=10)
    assert 1 == message.seq
    assert {RANDOM: 1} == (await storage.deliveries.undelivered_counts(BOB)).channels
