import time
from uuid import RFC_4122, UUID

import pytest

from app.domain.ids import is_id, new_id, new_message_id


def test_id_is_a_random_uuid_when_new() -> None:
    """In the usual form, with version and variant, and never the same one."""
    ids = [new_id() for _ in range(100)]

    uuids = [UUID(each) for each in ids]
    assert [str(each) for each in uuids] == ids
    assert {(4, RFC_4122)} == {(each.version, each.variant) for each in uuids}
    assert 100 == len(set(ids))


def test_message_id_is_a_uuid_of_our_own_kind_when_new() -> None:
    """In the usual form, of the version that tells it from those of others, and never the same."""
    ids = [new_message_id() for _ in range(300)]

    uuids = [UUID(each) for each in ids]
    assert [str(each) for each in uuids] == ids
    assert {(8, RFC_4122)} == {(each.version, each.variant) for each in uuids}
    assert 300 == len(set(ids))


def test_message_id_begins_with_the_time_when_new() -> None:
    """With the milliseconds since the epoch: later ones stand behind earlier ones."""
    before = time.time_ns() // 1_000_000

    made = UUID(new_message_id())

    after = time.time_ns() // 1_000_000
    assert before <= made.int >> 80 <= after


@pytest.mark.parametrize("text", ["a", "user_2abc", "sess 1", "ä", "x" * 191])
def test_text_is_an_id_when_somebody_may_be_called_so(text: str) -> None:
    """Of what form is nobody's business here."""
    assert is_id(text)


@pytest.mark.parametrize("text", ["", "x" * 192, "a\0", "a\n", "\ud800", "a\u202e"])
def test_text_is_no_id_when_nobody_can_be_called_so(text: str) -> None:
    """Nothing, too much, and what neither a database nor a log takes as it is."""
    assert not is_id(text)
