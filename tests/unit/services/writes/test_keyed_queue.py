import asyncio
import gc
import logging

import pytest

from app.domain.errors import NotAMember, Unavailable, Unconfirmed
from app.services.writes.keyed_queue import MAX_PENDING, KeyedQueue
from tests.deadlines import ANSWER_SECONDS

LOGGER = "app.services.writes.keyed_queue"
SECRET = "what was written"
SHORT_SECONDS = 0.01
WAIT_SECONDS = 0.5


class Step:
    """A job that ends when the test allows it."""

    def __init__(self, name: str, finished: list[str]) -> None:
        self.name = name
        self.began = asyncio.Event()
        self.may_end = asyncio.Event()
        self._finished = finished

    async def __call__(self) -> str:
        self.began.set()
        await self.may_end.wait()
        self._finished.append(self.name)
        return self.name


async def refuse() -> None:
    """A job that raises a domain error."""
    raise NotAMember


async def test_jobs_finish_in_their_order_when_they_share_a_key() -> None:
    queue, finished = KeyedQueue(), list[str]()
    first, second = Step("first", finished), Step("second", finished)

    running = [asyncio.create_task(queue.run("key", step)) for step in (first, second)]
    second.may_end.set()
    await first.began.wait()
    began_early = second.began.is_set()
    first.may_end.set()
    await asyncio.gather(*running)

    assert ["first", "second"] == finished
    assert not began_early


async def test_job_does_not_wait_when_its_key_is_another() -> None:
    """A slow job delays only other jobs of its key."""
    queue, finished = KeyedQueue(), list[str]()
    slow, quick = Step("slow", finished), Step("quick", finished)
    quick.may_end.set()

    waiting = asyncio.create_task(queue.run("one", slow))
    await slow.began.wait()
    await queue.run("another", quick)
    finished_before = list(finished)
    slow.may_end.set()
    await waiting

    assert ["quick"] == finished_before


async def test_job_is_finished_when_its_caller_is_cancelled() -> None:
    queue, finished = KeyedQueue(), list[str]()
    step = Step("step", finished)

    caller = asyncio.create_task(queue.run("key", step))
    await step.began.wait()
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    step.may_end.set()
    await queue.drain(5)

    assert ["step"] == finished


async def test_failure_is_logged_by_its_name_when_its_caller_is_cancelled(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The log has the error's type, but not the text and traceback that asyncio would log."""
    queue, may_fail, began = KeyedQueue(), asyncio.Event(), asyncio.Event()

    async def fail() -> None:
        began.set()
        await may_fail.wait()
        raise RuntimeError(SECRET)

    caller = asyncio.create_task(queue.run("key", fail))
    await began.wait()
    caller.cancel()
    await asyncio.wait([caller])
    may_fail.set()
    await queue.drain(5)
    gc.collect()

    text = "a job failed after its caller stopped waiting: RuntimeError"
    expected = (LOGGER, logging.WARNING, text)
    assert [expected] == caplog.record_tuples
    assert caller.cancelled()


async def test_nothing_is_logged_when_the_caller_receives_the_failure(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with pytest.raises(NotAMember):
        await KeyedQueue().run("key", refuse)

    gc.collect()
    assert [] == caplog.records


async def test_job_is_given_up_unbegun_when_its_turn_does_not_come() -> None:
    """The running job continues. The rejected caller may try again."""
    queue, finished = KeyedQueue(), list[str]()
    slow, late = Step("slow", finished), Step("late", finished)
    late.may_end.set()
    running = asyncio.create_task(queue.run("key", slow, SHORT_SECONDS))
    await slow.began.wait()

    with pytest.raises(Unavailable) as refusal:
        await queue.run("key", late, SHORT_SECONDS)
    with pytest.raises(Unconfirmed):
        await running
    slow.may_end.set()
    await queue.drain(5)

    assert (Unavailable, ["slow"]) == (refusal.type, finished)
    assert "late" == await queue.run("key", late)


async def test_caller_is_answered_in_time_when_the_job_takes_too_long() -> None:
    """The job continues to its end, although its caller has been answered."""
    queue, finished = KeyedQueue(), list[str]()
    step = Step("step", finished)

    with pytest.raises(Unconfirmed):
        await queue.run("key", step, SHORT_SECONDS)

    step.may_end.set()
    await queue.drain(5)
    assert ["step"] == finished


async def test_caller_waits_for_a_long_job_when_more_time_was_asked_for() -> None:
    queue, finished = KeyedQueue(), list[str]()
    step = Step("step", finished)
    asyncio.get_running_loop().call_later(5 * SHORT_SECONDS, step.may_end.set)

    results = [await queue.run("key", step, timeout) for timeout in (ANSWER_SECONDS, None)]

    assert ["step", "step"] == results


async def test_wait_for_the_turn_counts_when_the_job_then_takes_long() -> None:
    """The timeout covers the wait for the turn and the run of the job."""
    queue, finished = KeyedQueue(), list[str]()
    first, second = Step("first", finished), Step("second", finished)
    loop, overdue = asyncio.get_running_loop(), asyncio.Event()
    asked_at = loop.time()
    running = asyncio.create_task(queue.run("key", first, WAIT_SECONDS))
    waiting = asyncio.create_task(queue.run("key", second, WAIT_SECONDS))
    await first.began.wait()

    loop.call_at(asked_at + WAIT_SECONDS / 2, first.may_end.set)
    loop.call_at(asked_at + 1.25 * WAIT_SECONDS, overdue.set)
    await running
    await overdue.wait()
    # The timer of the second job is due before ``overdue``, so the caller has its answer by now.
    for _ in range(10):
        await asyncio.sleep(0)
    waited_in_vain = waiting.done()
    with pytest.raises(Unconfirmed):
        await waiting

    second.may_end.set()
    await queue.drain(5)
    assert ["first", "second"] == finished
    assert waited_in_vain


async def test_failure_is_logged_when_its_caller_was_answered_before(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The log has the error's type only."""
    queue, may_fail = KeyedQueue(), asyncio.Event()

    async def fail() -> None:
        await may_fail.wait()
        raise RuntimeError(SECRET)

    with pytest.raises(Unconfirmed):
        await queue.run("key", fail, SHORT_SECONDS)
    may_fail.set()
    await queue.drain(5)

    assert ["a job failed after its caller stopped waiting: RuntimeError"] == caplog.messages


async def test_next_job_runs_when_the_one_before_was_refused() -> None:
    """The error reaches only the caller of the job that failed."""
    queue = KeyedQueue()
    step = Step("step", [])
    step.may_end.set()

    with pytest.raises(NotAMember):
        await queue.run("key", refuse)

    assert "step" == await queue.run("key", step)


async def test_job_is_refused_when_too_many_are_pending() -> None:
    """The queue is bounded. A rejected job is not started."""
    queue = KeyedQueue()
    step = Step("step", [])
    callers = [
        asyncio.create_task(queue.run("key", step, ANSWER_SECONDS)) for _ in range(MAX_PENDING)
    ]
    await step.began.wait()

    with pytest.raises(Unavailable):
        await queue.run("another", step)

    step.may_end.set()
    await asyncio.gather(*callers)


async def test_job_without_timeout_is_accepted_when_the_queue_is_full() -> None:
    """A job without a timeout publishes a stored change, so the queue must not reject the job."""
    queue = KeyedQueue()
    step, quick = Step("step", []), Step("quick", [])
    callers = [
        asyncio.create_task(queue.run("key", step, ANSWER_SECONDS)) for _ in range(MAX_PENDING)
    ]
    await step.began.wait()
    quick.may_end.set()

    result = await queue.run("another", quick, None)

    assert "quick" == result
    step.may_end.set()
    await asyncio.gather(*callers)


async def test_drain_cancels_what_is_late_when_its_time_is_over() -> None:
    """A shutdown ends even if the storage does not answer."""
    queue, finished = KeyedQueue(), list[str]()
    step = Step("stuck", finished)
    caller = asyncio.create_task(queue.run("key", step))
    await step.began.wait()

    await queue.drain(0)

    with pytest.raises(asyncio.CancelledError):
        await caller
    assert [] == finished


async def test_nothing_is_kept_when_all_is_done() -> None:
    """A key is dropped when its last job has ended."""
    queue = KeyedQueue()
    step = Step("step", [])
    step.may_end.set()
    await asyncio.gather(*(queue.run(key, step) for key in range(10)))

    await queue.drain(5)
    gc.collect()

    assert (0, 0) == (len(queue._lines), len(queue._running))


async def test_job_is_done_in_place_when_nothing_of_its_key_is_going_on() -> None:
    queue, others = KeyedQueue(), list[str]()
    asyncio.get_running_loop().call_soon(others.append, "another")
    step = Step("step", [])
    step.may_end.set()

    result = await queue.run("key", step)

    assert "step" == result
    assert [] == others
    assert not queue._running


async def test_second_job_of_a_key_has_its_turn_next_when_the_first_began_in_place() -> None:
    """A job that starts at once and then waits still blocks later jobs of its key."""
    queue, finished = KeyedQueue(), list[str]()
    first, second = Step("first", finished), Step("second", finished)
    second.may_end.set()

    running = [asyncio.create_task(queue.run("key", step)) for step in (first, second)]
    await first.began.wait()
    first.may_end.set()
    await running[0]
    third = await queue.run("key", second)
    await running[1]

    assert ["first", "second", "second"] == finished
    assert "second" == third


async def test_key_is_free_when_one_who_waited_for_it_was_cut_off() -> None:
    """The cancelled caller's job still runs. Afterwards the key is free."""
    queue, finished = KeyedQueue(), list[str]()
    first, second, third = (Step(name, finished) for name in ("first", "second", "third"))
    callers = [asyncio.create_task(queue.run("key", each)) for each in (first, second, third)]
    await first.began.wait()

    callers[1].cancel()
    for step in (first, second, third):
        step.may_end.set()
    await asyncio.wait(callers)

    assert ["first", "second", "third"] == finished
    assert [False, True, False] == [caller.cancelled() for caller in callers]
