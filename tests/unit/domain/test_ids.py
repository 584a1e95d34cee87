from uuid import RFC_4122, UUID

from app.domain.ids import new_id


def test_id_is_a_random_uuid_when_new() -> None:
    """In the usual form, with version and variant, and never the same one."""
    ids = [new_id() for _ in range(100)]

    uuids = [UUID(each) for each in ids]
    assert [str(each) for each in uuids] == ids
    assert {(4, RFC_4122)} == {(each.version, each.variant) for each in uuids}
    assert 100 == len(set(ids))
