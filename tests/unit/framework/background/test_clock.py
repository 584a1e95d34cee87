from datetime import UTC, datetime

from app.framework.background.clock import Clock


async def test_clock_shows_the_machines_time() -> None:
    clock = Clock()
    before, monotonic = datetime.now(UTC), clock.monotonic()

    await clock.sleep(0)

    assert before <= clock.now() <= datetime.now(UTC)
    assert monotonic <= clock.monotonic()
