import pytest

from app.domain.errors import Unavailable, Unconfirmed
from app.services.writes.unconfirmed_changes import UnconfirmedChanges

LIMIT = 3


@pytest.fixture
def unconfirmed() -> UnconfirmedChanges[int, str]:
    """An empty set of unconfirmed changes."""
    return UnconfirmedChanges(LIMIT)


def fail(
    unconfirmed: UnconfirmedChanges[int, str], key: int, change: str, failure: Unavailable
) -> None:
    """Make a change that fails with this error."""
    with pytest.raises(Unavailable), unconfirmed.watch(key, change):
        raise failure


def test_change_is_remembered_until_it_is_forgotten_when_it_was_unconfirmed(
    unconfirmed: UnconfirmedChanges[int, str],
) -> None:
    fail(unconfirmed, 1, "one", Unconfirmed())

    remembered = [unconfirmed.get(key) for key in (1, 2)]
    forgotten = [unconfirmed.forget(key) for key in (2, 1, 1)]

    assert ["one", None] == remembered
    assert [False, True, False] == forgotten


def test_change_is_not_remembered_when_it_is_known_whether_it_was_stored(
    unconfirmed: UnconfirmedChanges[int, str],
) -> None:
    fail(unconfirmed, 1, "one", Unavailable())
    with unconfirmed.watch(2, "two"):
        pass

    assert [] == unconfirmed.items()


def test_last_change_is_remembered_when_several_of_a_key_were_unconfirmed(
    unconfirmed: UnconfirmedChanges[int, str],
) -> None:
    fail(unconfirmed, 1, "one", Unconfirmed())
    fail(unconfirmed, 1, "uno", Unconfirmed())

    assert [(1, "uno")] == unconfirmed.items()


def test_oldest_change_is_forgotten_when_there_are_too_many(
    unconfirmed: UnconfirmedChanges[int, str],
) -> None:
    for key in range(LIMIT + 1):
        fail(unconfirmed, key, str(key), Unconfirmed())

    assert [(1, "1"), (2, "2"), (3, "3")] == unconfirmed.items()
