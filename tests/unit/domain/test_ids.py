from uuid import RFC_4122, UUID

import pytest

from app.domain.ids import is_id, new_id


def test_id_is_a_random_uuid_when_new() -> None:
    """In the usual form, with version and variant, and never the same one."""
    ids = [new_id() for _ in range(100)]

    uuids = [UUID(each) for each in ids]
    assert [str(each) for each in uuids] == ids
    assert {(4, RFC_4122)} == {(each.version, each.variant) for each in uuids}
    assert 100 == len(set(ids))


@pytest.mark.parametrize("text", ["a", "user_2abc", "sess 1", "ä", "x" * 191])
def test_text_is_an_id_when_somebody_may_be_called_so(text: str) -> None:
    """Of what form is nobody's business here."""
    assert is_id(text)


@pytest.mark.parametrize("text", ["", "x" * 192, "a\0", "a\n", "\ud800", "a\u202e"])
def test_text_is_no_id_when_nobody_can_be_called_so(text: str) -> None:
    """Nothing, too much, and what neither a database nor a log takes as it is."""
    assert not is_id(text)
