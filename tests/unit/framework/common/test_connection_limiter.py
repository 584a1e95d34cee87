import pytest

from app.framework.common.connection_limiter import ConnectionLimiter

MAX = 2


@pytest.fixture
def limiter() -> ConnectionLimiter:
    """Create a limiter that counts addresses with the same first part as one network."""
    return ConnectionLimiter(MAX, client_network=lambda address: address.split(".")[0])


def test_add_refuses_when_the_owner_has_the_maximum(limiter: ConnectionLimiter) -> None:
    """When one network has the maximum, other networks can still add connections."""
    added = [limiter.try_add(str(number), f"a.{number}") for number in range(MAX + 1)]

    assert [True, True, False] == added
    assert limiter.try_add("other", "b.1")


def test_add_succeeds_once_when_one_was_removed_twice(limiter: ConnectionLimiter) -> None:
    """The server removes a connection when it is admitted, and again when it is closed."""
    for number in range(MAX):
        limiter.try_add(str(number), "a.1")

    for _ in range(2):
        limiter.discard("0")

    assert [True, False] == [limiter.try_add(each, "a.1") for each in ("new", "newer")]


def test_remove_leaves_nothing_when_all_connections_are_gone(limiter: ConnectionLimiter) -> None:
    """The limiter stores nothing about networks without connections, even after a rejection."""
    for number in range(MAX + 1):
        limiter.try_add(str(number), "a.1")
    for number in range(MAX + 1):
        limiter.discard(str(number))

    assert ({}, {}) == (limiter._networks, limiter._counts)
