import asyncio

from app.framework.testing import ManualClock


async def test_sleepers_wake_in_order_each_at_its_own_time() -> None:
    clock = ManualClock()
    start = clock.now()
    woken: list[tuple[str, float]] = []

    async def sleeper(name: str, *seconds: float) -> None:
        for each in seconds:
            await clock.sleep(each)
            woken.append((name, clock.monotonic()))

    tasks = [
        asyncio.create_task(sleeper("late", 3)),
        asyncio.create_task(sleeper("early", 1, 1)),
        asyncio.create_task(sleeper("cancelled", 1)),
    ]
    await asyncio.sleep(0)
    tasks.pop().cancel()
    await clock.advance(5)

    assert [("early", 1.0), ("early", 2.0), ("late", 3.0)] == woken
    assert 5.0 == clock.monotonic() == (clock.now() - start).total_seconds()
    await asyncio.wait(tasks)


def test_jump_moves_only_the_time_of_day() -> None:
    clock = ManualClock()
    start = clock.now()

    clock.jump(60)

    assert 60 == (clock.now() - start).total_seconds()
    assert 0 == clock.monotonic()
