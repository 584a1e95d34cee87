import asyncio
import json

from structlog.testing import capture_logs

from app.framework.background.handler_tasks import HandlerTasks, Outcome, outcome_of


async def test_stop_waits_for_handlers_that_end_in_time() -> None:
    ended: list[str] = []

    async def job() -> None:
        await asyncio.sleep(0)
        ended.append("job")

    tasks = HandlerTasks("Test", stop_seconds=10.0)
    tasks.start("Jobs.job", job)
    with capture_logs() as logs:
        await tasks.stop()

    assert ["job"] == ended
    assert [] == logs


async def test_stop_ends_when_a_handler_ignores_its_cancellation() -> None:
    release = asyncio.Event()

    async def stubborn() -> None:
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue

    tasks = HandlerTasks("Test", stop_seconds=0.0, cancel_seconds=0.0)
    started = tasks.start("Jobs.stubborn", stubborn)
    with capture_logs() as logs:
        await tasks.stop()

    assert ["handler cancelled by the shutdown", "handler ignores its cancellation"] == [
        line["event"] for line in logs
    ]
    assert ["Jobs.stubborn"] * 2 == [line["handler"] for line in logs]
    release.set()
    assert isinstance(started, asyncio.Future)
    assert Outcome() == await started


async def test_handler_that_did_not_wait_is_not_counted() -> None:
    tasks = HandlerTasks("Test", stop_seconds=0.0)

    assert Outcome(7) == tasks.start("Jobs.job", lambda: 7)
    assert 0 == len(tasks)
    await tasks.stop()


async def test_handlers_error_is_its_outcome() -> None:
    def fails() -> None:
        raise KeyError

    tasks = HandlerTasks("Test", stop_seconds=0.0)
    outcome = outcome_of(tasks.start("Jobs.fails", fails))

    assert isinstance(outcome.error, KeyError)
    await tasks.stop()


async def test_log_of_an_error_names_all_functions_but_not_its_text() -> None:
    """The log names the library's function that raises the error, and the caller of the library."""

    def parse(text: str) -> None:
        json.loads(text)

    tasks = HandlerTasks("Test", stop_seconds=0.0)
    with capture_logs() as logs:
        tasks.start("Jobs.parse", parse, "sesame")
    await tasks.stop()

    assert ["JSONDecodeError"] == [line["error"] for line in logs]
    assert "in parse" in logs[0]["stack"]
    assert "raw_decode" in logs[0]["stack"]
    assert "sesame" not in str(logs)


async def test_handler_is_logged_when_it_ends_with_a_cancellation_before_the_shutdown() -> None:
    """The handler ends with `CancelledError` because it awaits a cancelled future.

    The log has a warning.
    """

    async def job() -> None:
        cancelled = asyncio.get_running_loop().create_future()
        cancelled.cancel()
        await cancelled

    tasks = HandlerTasks("Test", stop_seconds=0.0)
    with capture_logs() as logs:
        started = tasks.start("Jobs.job", job)
        await asyncio.sleep(0)
    await tasks.stop()

    assert Outcome() == outcome_of(started)
    assert [("handler was cancelled", "Jobs.job")] == [
        (line["event"], line["handler"]) for line in logs
    ]


async def test_handler_may_stop_all_handlers_without_being_cancelled() -> None:
    """A job that closes the application awaits `stop`, which cancels only the other handlers."""
    ended: list[str] = []
    tasks = HandlerTasks("Test", stop_seconds=0.0)

    async def close() -> None:
        await asyncio.sleep(0)
        await tasks.stop()
        ended.append("close")

    other = tasks.start("Jobs.other", asyncio.Event().wait)
    with capture_logs() as logs:
        closing = tasks.start("Jobs.close", close)
        assert isinstance(closing, asyncio.Future)
        await asyncio.wait([closing])

    assert ["close"] == ended
    assert ["Jobs.other"] == [line["handler"] for line in logs]
    assert Outcome() == outcome_of(other)
