import pytest

from app.domain.ids import ChannelId, UserId
from app.domain.message import User
from tests.contract.storage import ALICE, BOB, CAROL, GENERAL, MALLORY, RANDOM, Storage, draft
from tests.doubles.manual_clock import DEFAULT_START as NOW


async def test_channels_of_are_sorted_when_seeded_in_another_order(empty_storage: Storage) -> None:
    await empty_storage.channels.seed({ALICE: [ChannelId("b"), ChannelId("ä"), ChannelId("B")]})

    channels = await empty_storage.channels.channels_of(ALICE)

    assert ("B", "b", "ä") == channels


@pytest.mark.parametrize("user_id", [MALLORY, UserId("user_unknown")])
async def test_channels_of_are_none_when_the_user_has_none(
    storage: Storage, user_id: UserId
) -> None:
    channels = await storage.channels.channels_of(user_id)

    assert () == channels


async def test_channels_of_all_returns_every_user_when_some_have_no_channels(
    storage: Storage,
) -> None:
    """The result contains unknown users, without channels."""
    unknown = UserId("user_unknown")

    found = await storage.channels.channels_of_all([CAROL, MALLORY, unknown, BOB])

    assert {CAROL: (GENERAL,), MALLORY: (), unknown: (), BOB: (GENERAL, RANDOM)} == found


async def test_users_are_the_first_by_id_when_there_are_more(storage: Storage) -> None:
    """The users are returned with their names, including users without channels."""
    await storage.channels.seed({UserId("user_aaron"): []})

    users = await storage.channels.users(limit=3)

    assert [("user_aaron", "Aaron"), (ALICE, "Alice"), (BOB, "Bob")] == [
        (user.id, user.name) for user in users
    ]


@pytest.mark.parametrize(
    ("channel_id", "user_id", "expected"),
    [
        (RANDOM, BOB, True),
        (RANDOM, CAROL, False),
        (ChannelId("unknown"), BOB, False),
        (RANDOM, UserId("user_unknown"), False),
    ],
    ids=["a member", "of another channel", "unknown channel", "unknown user"],
)
async def test_is_member_holds_only_when_the_user_belongs_to_the_channel(
    storage: Storage, channel_id: ChannelId, user_id: UserId, *, expected: bool
) -> None:
    is_member = await storage.channels.is_member(channel_id, user_id)

    assert expected is is_member


async def test_seed_keeps_what_exists_when_repeated_with_more(storage: Storage) -> None:
    await storage.messages.add_all([draft(ALICE, RANDOM)], now=NOW)

    await storage.channels.seed({CAROL: [RANDOM], UserId("user_dave"): []})

    assert (GENERAL, RANDOM) == await storage.channels.channels_of(CAROL)
    assert (GENERAL, RANDOM) == await storage.channels.channels_of(BOB)
    assert 1 == len(await storage.messages.list_after(RANDOM, CAROL, after_seq=0, limit=10))


async def test_seed_creates_nothing_when_there_is_nothing_to_create(
    empty_storage: Storage,
) -> None:
    await empty_storage.channels.seed({})

    assert () == await empty_storage.channels.users(limit=1)
    assert () == await empty_storage.channels.channels_of(ALICE)


@pytest.mark.parametrize(
    ("user_id", "name"),
    [("user_alice", "Alice"), ("bob", "Bob"), ("user_2nNEqL", "2nNEqL")],
)
async def test_seed_names_a_user_after_the_id_when_it_creates_one(
    empty_storage: Storage, user_id: str, name: str
) -> None:
    await empty_storage.channels.seed({UserId(user_id): [GENERAL]})

    users = await empty_storage.channels.users(limit=2)

    assert (User(UserId(user_id), name, image_url=None),) == users
