import time
from uuid import RFC_4122, UUID

import pytest

from app.domain.ids import checked_id, new_id, new_message_id


def test_id_is_a_random_uuid_when_new() -> None:
    """A new id is a unique UUID of version 4."""
    ids = [new_id() for _ in range(100)]

    uuids = [UUID(each) for each in ids]
    assert [str(each) for each in uuids] == ids
    assert {(4, RFC_4122)} == {(each.version, each.variant) for each in uuids}
    assert 100 == len(set(ids))


def test_message_id_is_a_uuid_of_our_own_kind_when_new() -> None:
    """Message ids are UUIDs of version 8, which the original backend does not use."""
    ids = [new_message_id() for _ in range(300)]

    uuids = [UUID(each) for each in ids]
    assert [str(each) for each in uuids] == ids
    assert {(8, RFC_4122)} == {(each.version, each.variant) for each in uuids}
    assert 300 == len(set(ids))


def test_message_id_begins_with_the_time_when_new() -> None:
    """Message ids begin with the milliseconds since the epoch, so they sort by time."""
    before = time.time_ns() // 1_000_000

    made = UUID(new_message_id())

    after = time.time_ns() // 1_000_000
    assert before <= made.int >> 80 <= after


@pytest.mark.parametrize("text", ["a", "user_2abc", "sess 1", "ä", "x" * 191])
def test_id_is_returned_when_it_is_printable(text: str) -> None:
    """Any printable text is a valid id."""
    assert text == checked_id(text)


@pytest.mark.parametrize("value", ["", "x" * 192, "a\0", "a\n", "\ud800", "a\u202e", None, 5])
def test_id_is_rejected_when_a_database_or_a_log_could_not_take_it(value: object) -> None:
    """The error states which texts are valid ids."""
    with pytest.raises(ValueError, match="must be 1 to 191 printable characters"):
        checked_id(value)
