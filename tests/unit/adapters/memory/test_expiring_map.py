from app.adapters.memory.expiring_map import FIRST_SWEEP, ExpiringMap
from tests.doubles.manual_clock import ManualClock


def test_get_gives_none_when_the_end_has_come() -> None:
    clock = ManualClock()
    values: ExpiringMap[str, int] = ExpiringMap(clock)
    values.put("a", 1, ttl_seconds=10)

    clock.advance(9.999)
    before = values.get("a")
    clock.advance(0.001)

    assert (1, None) == (before, values.get("a"))


def test_put_keeps_the_later_end_when_the_new_one_is_sooner() -> None:
    """`put` replaces the value, but never shortens the expiry."""
    clock = ManualClock()
    values: ExpiringMap[str, int] = ExpiringMap(clock)
    values.put("a", 1, ttl_seconds=10)

    values.put("a", 2, ttl_seconds=1)

    clock.advance(9)
    assert 2 == values.get("a")


def test_put_forgets_what_has_ended_when_there_is_much_of_it() -> None:
    """When the map reaches `FIRST_SWEEP` entries, `put` removes the expired ones."""
    clock = ManualClock()
    values: ExpiringMap[int, int] = ExpiringMap(clock)

    for number in range(20 * FIRST_SWEEP):
        clock.advance(1)
        values.put(number, number, ttl_seconds=100)

    assert FIRST_SWEEP >= len(values)


def test_put_forgets_nothing_in_force_when_there_is_much_of_it() -> None:
    values: ExpiringMap[int, int] = ExpiringMap(ManualClock())

    for number in range(5 * FIRST_SWEEP):
        values.put(number, number, ttl_seconds=1)

    assert list(range(5 * FIRST_SWEEP)) == [values.get(n) for n in range(5 * FIRST_SWEEP)]
