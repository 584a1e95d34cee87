from functools import partial

from redis.crc import key_slot

from app.adapters.redis.keys import Keys

keys = Keys(is_cluster=False)


def test_blacklisted_token_is_the_documented_key_byte_for_byte() -> None:
    """The key of a revoked token is the one that NestJS nodes use."""
    assert b"blacklist:token:eyJhbGciOi.eyJzdWIi.c2ln" == keys.blacklisted_token(
        "eyJhbGciOi.eyJzdWIi.c2ln"
    )


def test_all_other_keys_are_told_apart_when_their_subject_is_the_same() -> None:
    """All keys have the application's prefix, and no two keys are equal."""
    names = [
        key("subject")
        for key in (
            keys.revoked_session,
            keys.revoked_user,
            keys.attempts,
            keys.failures,
            keys.failure_counts,
            keys.sockets_of_user,
            keys.node_alive,
            partial(keys.rate_limit, "events"),
            partial(keys.rate_limit, "receipts"),
            keys.webhook,
        )
    ]

    assert len(names) == len(set(names))
    assert {True} == {name.startswith(b"chatgenius:") for name in names}


def test_keys_are_in_one_slot_when_the_server_is_a_cluster() -> None:
    """A script can use only keys of one slot. The key of a blacklisted token does not change."""
    in_cluster = Keys(is_cluster=True)

    names = [
        in_cluster.revoked_session("{x}"),
        in_cluster.revoked_user("}{"),
        in_cluster.attempts("{}"),
        in_cluster.node_alive("node"),
        in_cluster.rate_limit("events", "user"),
    ]

    assert {key_slot(in_cluster.tag)} == {key_slot(name) for name in names}
    assert keys.blacklisted_token("x") == in_cluster.blacklisted_token("x")


def test_an_addresss_keys_are_short_when_the_address_is_not() -> None:
    """An address from a header can be very long, so keys contain only its first characters."""
    assert 100 > len(keys.attempts("1" * 10_000))
    assert keys.attempts("1" * 10_000) == keys.attempts("1" * 64)
