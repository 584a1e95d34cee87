import pytest

from app.framework.platform_socketio.engine_io.admission_limiter import AdmissionLimiter

MAX = 2


@pytest.fixture
def limiter() -> AdmissionLimiter:
    """Addresses whose first parts are equal have one owner."""
    return AdmissionLimiter(MAX, client_network=lambda address: address.split(".")[0])


def test_add_refuses_when_the_owner_has_the_maximum(limiter: AdmissionLimiter) -> None:
    """Whichever of its addresses it uses; other owners may still connect."""
    added = [limiter.try_add(str(number), f"a.{number}") for number in range(MAX + 1)]

    assert [True, True, False] == added
    assert limiter.try_add("other", "b.1")


def test_add_succeeds_once_when_one_was_removed_twice(limiter: AdmissionLimiter) -> None:
    """A connection is admitted, and closed later."""
    for number in range(MAX):
        limiter.try_add(str(number), "a.1")

    for _ in range(2):
        limiter.discard("0")

    assert [True, False] == [limiter.try_add(each, "a.1") for each in ("new", "newer")]


def test_remove_leaves_nothing_when_all_connections_are_gone(limiter: AdmissionLimiter) -> None:
    """Addresses are not remembered, and refused connections are not counted."""
    for number in range(MAX + 1):
        limiter.try_add(str(number), "a.1")
    for number in range(MAX + 1):
        limiter.discard(str(number))

    assert ({}, {}) == (limiter._networks, limiter._counts)
