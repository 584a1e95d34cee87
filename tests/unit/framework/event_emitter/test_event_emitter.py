import asyncio
from collections.abc import AsyncIterator
from enum import Enum
from functools import partial
from typing import Any

import pytest
import pytest_asyncio
from pyee import PyeeError
from structlog.testing import capture_logs

from app.framework.event_emitter.event_emitter import EventEmitter2, EventEmitterOptions, Listener


@pytest_asyncio.fixture
async def emitter() -> AsyncIterator[EventEmitter2]:
    emitter = EventEmitter2(EventEmitterOptions(wildcard=True, max_running=2, stop_seconds=0.0))
    yield emitter
    await emitter.stop()


def test_emit_calls_listeners_before_it_returns(emitter: EventEmitter2) -> None:
    heard: list[object] = []
    emitter.on("order.created", heard.append)

    assert emitter.emit("order.created", 7)
    assert not emitter.emit("order.deleted", 8)

    assert [7] == heard


async def test_async_listener_runs_to_its_first_wait_before_emit_returns(
    emitter: EventEmitter2,
) -> None:
    """An async function in Node also runs up to its first ``await`` immediately."""
    heard: list[str] = []

    async def listener() -> None:
        heard.append("start")
        await asyncio.sleep(0)
        heard.append("end")

    emitter.on("event", listener)
    emitter.emit("event")
    assert ["start"] == heard
    await emitter.emit_async("event")

    assert ["start", "start", "end", "end"] == heard


def test_listeners_run_from_exact_to_general_when_several_names_match(
    emitter: EventEmitter2,
) -> None:
    """The listeners run in the same order as in eventemitter2."""
    heard: list[str] = []
    for name in ("**", "*.b", "a.**", "a.*", "a.b", "c.*"):
        emitter.on(name, lambda name=name: heard.append(name))

    emitter.emit("a.b")

    assert ["a.b", "a.*", "a.**", "*.b", "**"] == heard


def test_names_are_literal_when_wildcards_are_off() -> None:
    emitter = EventEmitter2(EventEmitterOptions())
    heard: list[str] = []
    emitter.on("a.*", lambda: heard.append("heard"))

    assert not emitter.emit("a.b")
    assert emitter.emit("a.*")
    assert ["heard"] == heard


def test_listener_with_wildcard_does_not_hear_of_new_listeners(emitter: EventEmitter2) -> None:
    """As in eventemitter2, adding a listener emits no event. In pyee it emits ``new_listener``."""
    heard: list[object] = []
    emitter.on("**", lambda *args: heard.append(args))

    emitter.on("other", print)

    assert [] == heard


async def test_error_is_logged_without_its_text_when_a_listener_fails(
    emitter: EventEmitter2,
) -> None:
    """The other listeners still run. An error's text may contain the event's arguments."""
    heard: list[str] = []

    def fails(secret: str) -> None:
        raise ValueError(secret)

    async def fails_later(secret: str) -> None:
        await asyncio.sleep(0)
        raise KeyError(secret)

    emitter.on("event", fails)
    emitter.on("event", fails_later)
    emitter.on("event", heard.append)
    with capture_logs() as logs:
        emitter.emit("event", "sesame")
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    assert ["sesame"] == heard
    assert ["ValueError", "KeyError"] == [line["error"] for line in logs]
    assert [True, True] == [line["handler"].endswith(("fails", "fails_later")) for line in logs]
    assert "sesame" not in str(logs)


async def test_emit_async_returns_the_results_of_all_listeners(emitter: EventEmitter2) -> None:
    async def slow() -> str:
        await asyncio.sleep(0)
        return "slow"

    emitter.on("event", slow)
    emitter.on("event", lambda: "fast")

    assert ["slow", "fast"] == await emitter.emit_async("event")
    assert [] == await emitter.emit_async("other")


async def test_emit_async_raises_the_error_of_a_listener_after_all_have_ended(
    emitter: EventEmitter2,
) -> None:
    heard: list[str] = []

    def fails() -> None:
        raise ValueError

    async def slow() -> None:
        await asyncio.sleep(0)
        heard.append("ended")

    emitter.on("event", fails)
    emitter.on("event", slow)
    with pytest.raises(ValueError):  # noqa: PT011 - the error has no text
        await emitter.emit_async("event")

    assert ["ended"] == heard


async def test_emit_calls_no_listener_when_too_many_are_running(emitter: EventEmitter2) -> None:
    release = asyncio.Event()
    heard: list[str] = []
    emitter.on("slow", release.wait)
    emitter.on("fast", lambda: heard.append("fast"))

    slow = [asyncio.ensure_future(emitter.emit_async("slow")) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(RuntimeError, match="2 event listeners are still running, so 'fast' was"):
        emitter.emit("fast")
    assert [] == heard

    release.set()
    await asyncio.wait(slow)
    assert emitter.emit("fast")


def test_listener_may_emit(emitter: EventEmitter2) -> None:
    heard: list[str] = []
    emitter.on("outer", lambda: emitter.emit("inner"))
    emitter.on("outer", lambda: heard.append("outer"))
    emitter.on("inner", lambda: heard.append("inner"))

    emitter.emit("outer")

    assert ["inner", "outer"] == heard


def test_listener_receives_keyword_arguments(emitter: EventEmitter2) -> None:
    heard: list[object] = []

    def listen(number: int, *, flag: bool) -> None:
        heard.append((number, flag))

    emitter.on("plain", listen)
    emitter.on("method", Listener("Orders.listen", listen, 1, suppress_errors=True))
    emitter.emit("plain", 7, flag=True)
    emitter.emit("method", 8, "surplus", flag=False)

    assert [(7, True), (8, False)] == heard


async def test_failed_listener_is_logged_by_its_name_without_arguments(
    emitter: EventEmitter2,
) -> None:
    def fail(*_: str) -> None:
        raise ValueError

    emitter.once("event", fail)
    emitter.on("event", partial(fail, "sesame"))
    with capture_logs() as logs:
        emitter.emit("event", "argument")

    assert [True] * 2 == [line["handler"].endswith(".fail") for line in logs]
    assert "sesame" not in str(logs)


@pytest.mark.parametrize(("argument", "error"), [(KeyError(), KeyError), ("text", PyeeError)])
def test_emit_raises_when_an_error_event_has_no_listener(
    emitter: EventEmitter2, argument: object, error: type[Exception]
) -> None:
    with pytest.raises(error):
        emitter.emit("error", argument)


def test_once_listener_hears_one_event(emitter: EventEmitter2) -> None:
    heard: list[int] = []
    emitter.once("event", heard.append)

    assert [True, False] == [emitter.emit("event", number) for number in (1, 2)]
    assert [1] == heard


async def test_stop_cancels_listeners_and_emits_nothing_afterwards(emitter: EventEmitter2) -> None:
    cancelled: list[str] = []

    async def endless() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append("endless")
            raise

    emitter.on("event", endless)
    waiting = asyncio.ensure_future(emitter.emit_async("event"))
    await asyncio.sleep(0)
    with capture_logs() as logs:
        await emitter.stop()

    assert ["endless"] == cancelled
    assert [None] == await waiting
    assert ["handler cancelled by the shutdown"] == [line["event"] for line in logs]
    emitter.on("event", endless)
    assert not emitter.emit("event")


class _Orders(Enum):
    CREATED = "order.created"


async def test_emit_accepts_an_enum_member_as_on_event_does(emitter: EventEmitter2) -> None:
    """In TypeScript, a member of an enum of strings is a string."""
    heard: list[object] = []
    emitter.on("order.*", heard.append)

    assert emitter.emit(_Orders.CREATED, 1)
    await emitter.emit_async(_Orders.CREATED, 2)

    assert [1, 2] == heard


def test_on_refuses_a_name_that_is_no_string(emitter: EventEmitter2) -> None:
    """No event would reach the listener."""
    name: Any = _Orders.CREATED

    with pytest.raises(TypeError, match="give it as a string"):
        emitter.on(name, print)
