import asyncio
import gc
import logging

import pytest

from app.domain.errors import NotAMember, Unavailable, Unconfirmed
from app.services.writes.keyed_queue import KeyedQueue
from app.services.writes.limits import MAX_PENDING
from tests.deadlines import ANSWER_SECONDS

LOGGER = "app.services.writes.keyed_queue"
SECRET = "what was written"
WAIT_SECONDS = 0.5


class Step:
    """A work that says when it began, and ends when it may."""

    def __init__(self, name: str, finished: list[str]) -> None:
        self.name = name
        self.began = asyncio.Event()
        self.may_end = asyncio.Event()
        self._finished = finished

    async def __call__(self) -> str:
        """Wait for the test, then finish."""
        self.began.set()
        await self.may_end.wait()
        self._finished.append(self.name)
        return self.name


async def refuse() -> None:
    """A work that is refused by the chat's rules."""
    raise NotAMember


async def test_works_finish_in_their_order_when_they_share_a_key() -> None:
    """The second does not begin before the first has ended."""
    work, finished = KeyedQueue(), list[str]()
    first, second = Step("first", finished), Step("second", finished)

    running = [asyncio.create_task(work.run("key", step)) for step in (first, second)]
    second.may_end.set()
    await first.began.wait()
    began_early = second.began.is_set()
    first.may_end.set()
    await asyncio.gather(*running)

    assert ["first", "second"] == finished
    assert not began_early


async def test_work_does_not_wait_when_its_key_is_another() -> None:
    """A slow channel holds up itself alone."""
    work, finished = KeyedQueue(), list[str]()
    slow, quick = Step("slow", finished), Step("quick", finished)
    quick.may_end.set()

    waiting = asyncio.create_task(work.run("one", slow))
    await slow.began.wait()
    await work.run("another", quick)
    finished_before = list(finished)
    slow.may_end.set()
    await waiting

    assert ["quick"] == finished_before


async def test_work_is_finished_when_its_caller_is_cancelled() -> None:
    """What was begun comes to its end; `drain` waits for it."""
    work, finished = KeyedQueue(), list[str]()
    step = Step("step", finished)

    caller = asyncio.create_task(work.run("key", step))
    await step.began.wait()
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    step.may_end.set()
    await work.drain(5)

    assert ["step"] == finished


async def test_failure_is_logged_by_its_name_when_its_caller_is_cancelled(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It has no other reader left; asyncio would write the error's text and a traceback."""
    work, may_fail, began = KeyedQueue(), asyncio.Event(), asyncio.Event()

    async def fail() -> None:
        began.set()
        await may_fail.wait()
        raise RuntimeError(SECRET)

    caller = asyncio.create_task(work.run("key", fail))
    await began.wait()
    caller.cancel()
    await asyncio.wait([caller])
    may_fail.set()
    await work.drain(5)
    gc.collect()

    expected = (LOGGER, logging.WARNING, "a work failed after its caller had gone: RuntimeError")
    assert [expected] == caplog.record_tuples
    assert caller.cancelled()


async def test_nothing_is_logged_when_the_caller_hears_of_the_failure(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Whoever waits for a work answers for it."""
    with pytest.raises(NotAMember):
        await KeyedQueue().run("key", refuse)

    gc.collect()
    assert [] == caplog.records


async def test_work_is_given_up_unbegun_when_its_turn_does_not_come() -> None:
    """Its caller may try again, and the work before it is not disturbed."""
    work, finished = KeyedQueue(wait_seconds=0.01), list[str]()
    slow, late = Step("slow", finished), Step("late", finished)
    late.may_end.set()
    running = asyncio.create_task(work.run("key", slow))
    await slow.began.wait()

    with pytest.raises(Unavailable) as refusal:
        await work.run("key", late)
    with pytest.raises(Unconfirmed):
        await running
    slow.may_end.set()
    await work.drain(5)

    assert (Unavailable, ["slow"]) == (refusal.type, finished)
    assert "late" == await work.run("key", late)


async def test_caller_is_answered_in_time_when_the_work_takes_too_long() -> None:
    """It may have been done, and goes on to its end."""
    work, finished = KeyedQueue(wait_seconds=0.01), list[str]()
    step = Step("step", finished)

    with pytest.raises(Unconfirmed):
        await work.run("key", step)

    step.may_end.set()
    await work.drain(5)
    assert ["step"] == finished


async def test_caller_waits_for_a_long_work_when_more_time_was_asked_for() -> None:
    """It is known to take long."""
    work, finished = KeyedQueue(wait_seconds=0.01), list[str]()
    step = Step("step", finished)
    asyncio.get_running_loop().call_later(0.05, step.may_end.set)

    result = await work.run("key", step, wait_seconds=ANSWER_SECONDS)

    assert "step" == result


async def test_wait_for_the_turn_counts_when_the_work_then_takes_long() -> None:
    """Waiting for others and for oneself is one time."""
    work, finished = KeyedQueue(wait_seconds=WAIT_SECONDS), list[str]()
    first, second = Step("first", finished), Step("second", finished)
    loop, overdue = asyncio.get_running_loop(), asyncio.Event()
    asked_at = loop.time()
    running = asyncio.create_task(work.run("key", first))
    waiting = asyncio.create_task(work.run("key", second))
    await first.began.wait()

    loop.call_at(asked_at + WAIT_SECONDS / 2, first.may_end.set)
    loop.call_at(asked_at + 1.25 * WAIT_SECONDS, overdue.set)
    await running
    await overdue.wait()
    # Its own timer came before that one; then it has to be answered, and no time passes.
    for _ in range(10):
        await asyncio.sleep(0)
    waited_in_vain = waiting.done()
    with pytest.raises(Unconfirmed):
        await waiting

    second.may_end.set()
    await work.drain(5)
    assert ["first", "second"] == finished
    assert waited_in_vain


async def test_failure_is_logged_when_its_caller_was_answered_before(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """By its name, as when the caller was cancelled."""
    work, may_fail = KeyedQueue(wait_seconds=0.01), asyncio.Event()

    async def fail() -> None:
        await may_fail.wait()
        raise RuntimeError(SECRET)

    with pytest.raises(Unconfirmed):
        await work.run("key", fail)
    may_fail.set()
    await work.drain(5)

    assert ["a work failed after its caller had gone: RuntimeError"] == caplog.messages


async def test_next_work_runs_when_the_one_before_was_refused() -> None:
    """An error reaches its own caller, and frees the key."""
    work = KeyedQueue()
    step = Step("step", [])
    step.may_end.set()

    with pytest.raises(NotAMember):
        await work.run("key", refuse)

    assert "step" == await work.run("key", step)


async def test_work_is_refused_when_too_many_are_pending() -> None:
    """The queue is bounded; what is refused was not begun, so that it may be tried again."""
    work = KeyedQueue(wait_seconds=ANSWER_SECONDS)
    step = Step("step", [])
    callers = [asyncio.create_task(work.run("key", step)) for _ in range(MAX_PENDING)]
    await step.began.wait()

    with pytest.raises(Unavailable):
        await work.run("another", step)

    step.may_end.set()
    await asyncio.gather(*callers)


async def test_drain_cancels_what_is_late_when_its_time_is_over() -> None:
    """A shutdown ends, whatever the storage does."""
    work, finished = KeyedQueue(), list[str]()
    step = Step("stuck", finished)
    caller = asyncio.create_task(work.run("key", step))
    await step.began.wait()

    await work.drain(0)

    with pytest.raises(asyncio.CancelledError):
        await caller
    assert [] == finished


async def test_nothing_is_kept_when_all_is_done() -> None:
    """Locks go with the works that held them."""
    work = KeyedQueue()
    step = Step("step", [])
    step.may_end.set()
    await asyncio.gather(*(work.run(key, step) for key in range(10)))

    await work.drain(5)
    gc.collect()

    assert (0, 0) == (len(work._lines), len(work._pending))


async def test_work_is_done_in_place_when_nothing_of_its_key_is_going_on() -> None:
    """Nothing else has run meanwhile, and nothing is pending."""
    work, others = KeyedQueue(), list[str]()
    asyncio.get_running_loop().call_soon(others.append, "another")
    step = Step("step", [])
    step.may_end.set()

    result = await work.run("key", step)

    assert "step" == result
    assert [] == others
    assert not work._pending


async def test_second_work_of_a_key_has_its_turn_next_when_the_first_began_in_place() -> None:
    """What began in place and then waits holds its key like any other."""
    work, finished = KeyedQueue(), list[str]()
    first, second = Step("first", finished), Step("second", finished)
    second.may_end.set()

    running = [asyncio.create_task(work.run("key", step)) for step in (first, second)]
    await first.began.wait()
    first.may_end.set()
    await running[0]
    third = await work.run("key", second)
    await running[1]

    assert ["first", "second", "second"] == finished
    assert "second" == third


async def test_key_is_free_when_one_who_waited_for_it_was_cut_off() -> None:
    """A caller cancelled before the turn came still has it, and gives it on."""
    work, finished = KeyedQueue(), list[str]()
    first, second, third = (Step(name, finished) for name in ("first", "second", "third"))
    callers = [asyncio.create_task(work.run("key", each)) for each in (first, second, third)]
    await first.began.wait()

    callers[1].cancel()
    for step in (first, second, third):
        step.may_end.set()
    await asyncio.wait(callers)

    assert ["first", "second", "third"] == finished
    assert [False, True, False] == [caller.cancelled() for caller in callers]
