import asyncio

from app.adapters.system.loop_starter import LoopStarter
from app.concurrency.eager import EagerTasks


async def answer() -> str:
    """What waits for nothing."""
    return "done"


async def test_work_is_done_in_place_when_it_does_not_wait() -> None:
    """Made without an event loop, at work on the one that is there then."""
    starter = LoopStarter(EagerTasks)

    doing = starter.start(answer())

    assert doing.done()
    assert "done" == doing.result()
    await starter.on_application_shutdown(None)


async def test_nothing_is_left_on_the_loop_when_closed() -> None:
    """What was kept ready goes, whether anything was started or not."""
    starter = LoopStarter(EagerTasks)
    starter.start(answer())

    await starter.on_application_shutdown(None)
    await LoopStarter(EagerTasks).on_application_shutdown(None)
    await asyncio.sleep(0)

    assert {asyncio.current_task()} == asyncio.all_tasks()
