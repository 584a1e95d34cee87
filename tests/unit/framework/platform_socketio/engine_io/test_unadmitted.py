import pytest

from app.framework.platform_socketio.engine_io.unadmitted import Unadmitted

MAX = 2


@pytest.fixture
def unadmitted() -> Unadmitted:
    """Addresses whose first parts are equal have one owner."""
    return Unadmitted(MAX, client_network=lambda address: address.split(".")[0])


def test_add_refuses_when_the_owner_has_the_maximum(unadmitted: Unadmitted) -> None:
    """Whichever of its addresses it uses; other owners may still connect."""
    added = [unadmitted.add(str(number), f"a.{number}") for number in range(MAX + 1)]

    assert [True, True, False] == added
    assert unadmitted.add("other", "b.1")


def test_add_succeeds_once_when_one_was_removed_twice(unadmitted: Unadmitted) -> None:
    """A connection is admitted, and closed later."""
    for number in range(MAX):
        unadmitted.add(str(number), "a.1")

    for _ in range(2):
        unadmitted.remove("0")

    assert [True, False] == [unadmitted.add(each, "a.1") for each in ("new", "newer")]


def test_remove_leaves_nothing_when_all_connections_are_gone(unadmitted: Unadmitted) -> None:
    """Addresses are not remembered, and refused connections are not counted."""
    for number in range(MAX + 1):
        unadmitted.add(str(number), "a.1")
    for number in range(MAX + 1):
        unadmitted.remove(str(number))

    assert ({}, {}) == (unadmitted._owners, unadmitted._counts)
