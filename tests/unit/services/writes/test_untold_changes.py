import pytest

from app.domain.errors import Unavailable, Unconfirmed
from app.domain.events import ServerEvent
from app.domain.ids import ChannelId, UserId
from app.services.channel_service import MAX_UNTOLD, Change
from app.services.writes.untold_changes import UntoldChanges


def joined(number: int = 0) -> Change:
    """A change; each number is another one."""
    return ServerEvent.ROOM_MEMBER_JOINED, ChannelId("general"), UserId(f"user_{number}")


def fail(untold: UntoldChanges[Change], change: Change, failure: Unavailable) -> None:
    """A change that cannot be stored, or not for certain."""
    with pytest.raises(Unavailable), untold.watched(change):
        raise failure


def test_change_is_taken_once_when_it_was_unconfirmed() -> None:
    """And nothing else with it."""
    untold = UntoldChanges[Change](MAX_UNTOLD)
    fail(untold, joined(1), Unconfirmed())

    taken = [untold.take(joined(number)) for number in (2, 1, 1)]

    assert [False, True, False] == taken


def test_change_is_not_remembered_when_it_is_certain() -> None:
    """That it was stored, or that it was not."""
    untold = UntoldChanges[Change](MAX_UNTOLD)
    fail(untold, joined(1), Unavailable())
    with untold.watched(joined(2)):
        pass

    assert [False, False] == [untold.take(joined(number)) for number in (1, 2)]


def test_oldest_change_is_forgotten_when_there_are_too_many() -> None:
    """Memory is bounded, whatever the database does."""
    untold = UntoldChanges[Change](MAX_UNTOLD)
    for number in range(MAX_UNTOLD + 1):
        fail(untold, joined(number), Unconfirmed())

    taken = [untold.take(joined(number)) for number in (0, 1, MAX_UNTOLD)]

    assert [False, True, True] == taken
