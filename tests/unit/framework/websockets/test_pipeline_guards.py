"""Tests how the pipeline runs guards (app/framework/websockets/pipeline.py)."""

import asyncio
from concurrent.futures import Future
from typing import Any
from unittest.mock import Mock

import pytest

from app.framework import (
    CONNECTION_PATTERN,
    CallHandler,
    CanActivate,
    ExecutionContext,
    NestInterceptor,
    WsException,
    WsTooManyRequests,
    subscribe_message,
    use_guards,
    use_interceptors,
    web_socket_gateway,
)
from app.framework.testing import activate, fake_context
from app.framework.websockets.enhancers import Enhancers
from tests.unit.framework.driving import Driver
from tests.unit.framework.tracing import Trace, TracingGuard, TracingInterceptor

FORBIDDEN = {"error": "Forbidden resource", "code": "forbidden", "temporary": False}


def guarded_by(*guards: object) -> Driver:
    """Create a gateway whose only handler acks ``handled`` behind these guards."""

    @web_socket_gateway()
    class _Gateway:
        @subscribe_message("event")
        @use_guards(*guards)
        def on_event(self) -> str:
            return "handled"

    return Driver(_Gateway())


async def test_guards_stop_at_the_first_refusal_when_several_stand() -> None:
    """Once a guard has refused, later guards and the handler do not run."""
    trace: Trace = []

    acked = await guarded_by(
        TracingGuard(trace, "1"),
        TracingGuard(trace, "2", verdict=False),
        TracingGuard(trace, "3"),
    ).call("event")

    assert [FORBIDDEN] == acked
    assert ["guard 1", "guard 2"] == trace


@pytest.mark.parametrize(
    ("verdict", "answer"),
    [
        (True, "handled"),
        (1, "handled"),
        ("yes", "handled"),
        (False, FORBIDDEN),
        (0, FORBIDDEN),
        ("", FORBIDDEN),
        (None, FORBIDDEN),
    ],
)
async def test_guard_is_tested_for_truth_when_it_gives_no_bool(verdict: Any, answer: Any) -> None:
    """As in Nest, a truthy result of any type lets the event pass."""
    acked = await guarded_by(TracingGuard([], "guard", verdict=verdict)).call("event")

    assert [answer] == acked


@pytest.mark.parametrize(
    "verdict",
    [
        (each for each in (False,)),
        WsException("no"),
        "false".isalpha,
        CanActivate,
        Future(),
    ],
    ids=["generator", "exception", "method", "class", "future"],
)
async def test_guard_lets_nobody_pass_when_the_truth_of_its_verdict_says_nothing(
    verdict: Any,
) -> None:
    """Events and connections are rejected, and the client receives an internal error."""
    guard = Mock(spec=CanActivate)
    guard.can_activate.return_value = verdict

    @web_socket_gateway()
    @use_guards(guard)
    class _Gateway:
        @subscribe_message("event")
        def on_event(self) -> str:
            return "handled"

    driver = Driver(_Gateway())

    assert ["internal"] == [answer["code"] for answer in await driver.call("event")]
    assert not await driver.connect()
    with pytest.raises(TypeError, match="which is not a verdict; return True or False"):
        await activate(guard, fake_context(driver.socket))


@pytest.mark.parametrize(("verdict", "answer"), [(True, "handled"), (False, FORBIDDEN)])
async def test_guard_is_awaited_when_it_is_async(verdict: bool, answer: Any) -> None:  # noqa: FBT001
    """The awaited result decides; the coroutine itself would always be truthy."""

    class _AsyncGuard(CanActivate):
        async def can_activate(self, context: ExecutionContext) -> bool:
            del context
            await asyncio.sleep(0)
            return verdict

    acked = await guarded_by(_AsyncGuard()).call("event")

    assert [answer] == acked


async def test_guard_is_awaited_when_a_plain_method_gives_an_awaitable() -> None:
    """A guard may return the coroutine of another function, as it may return a promise in Nest."""

    async def refuse() -> bool:
        await asyncio.sleep(0)
        return False

    class _Handing(CanActivate):
        def can_activate(self, context: ExecutionContext) -> Any:
            del context
            return refuse()

    acked = await guarded_by(_Handing()).call("event")

    assert [FORBIDDEN] == acked


async def test_guards_run_one_after_the_other_when_the_first_one_waits() -> None:
    """The second guard starts after the first has decided."""
    trace: Trace = []

    class _Slow(CanActivate):
        async def can_activate(self, context: ExecutionContext) -> bool:
            del context
            await asyncio.sleep(0)
            trace.append("guard slow")
            return True

    await guarded_by(_Slow(), TracingGuard(trace, "next")).call("event")

    assert ["guard slow", "guard next"] == trace


async def test_guard_keeps_its_own_message_when_it_raises_a_ws_exception() -> None:
    refusal = WsException("come back tomorrow", code="closed", temporary=True)

    acked = await guarded_by(TracingGuard([], "guard", verdict=refusal)).call("event")

    assert [{"error": "come back tomorrow", "code": "closed", "temporary": True}] == acked


async def test_guard_fails_closed_when_it_breaks() -> None:
    """An unexpected error in a guard rejects the event. The client gets no details."""
    acked = await guarded_by(TracingGuard([], "guard", verdict=KeyError("secret"))).call("event")

    assert [{"error": "internal error", "code": "internal", "temporary": False}] == acked


async def test_interceptors_see_nothing_when_a_guard_refuses() -> None:
    """Guards run before interceptors."""
    trace: Trace = []

    @web_socket_gateway()
    @use_interceptors(TracingInterceptor(trace, "class"))
    class _Gateway:
        @subscribe_message("event")
        @use_guards(TracingGuard(trace, "guard", verdict=False))
        def on_event(self) -> None: ...

    await Driver(_Gateway()).call("event")

    assert ["guard guard"] == trace


async def test_interceptor_sees_the_failure_when_the_handler_raises() -> None:
    """An interceptor may turn a handler's error into a result."""

    class _Mending(NestInterceptor):
        async def intercept(self, context: ExecutionContext, call_handler: CallHandler) -> Any:
            del context
            try:
                return await call_handler.handle()
            except WsException:
                return "mended"

    @web_socket_gateway()
    class _Gateway:
        @subscribe_message("event")
        @use_interceptors(_Mending())
        def on_event(self) -> None:
            raise WsException("broken")

    acked = await Driver(_Gateway()).call("event")

    assert ["mended"] == acked


async def test_interceptor_leaves_the_handler_out_when_it_does_not_call_it() -> None:
    """The value that the interceptor returns is acked."""

    class _Cached(NestInterceptor):
        async def intercept(self, context: ExecutionContext, call_handler: CallHandler) -> Any:
            del context, call_handler
            return "cached"

    @web_socket_gateway()
    class _Gateway:
        @subscribe_message("event")
        @use_interceptors(_Cached())
        def on_event(self) -> str:
            raise AssertionError

    acked = await Driver(_Gateway()).call("event")

    assert ["cached"] == acked


async def test_context_tells_who_is_about_to_handle_what_when_a_guard_asks() -> None:
    """Class, handler, arguments and pattern are as in Nest. The third argument is the ack."""
    seen: list[ExecutionContext] = []

    class _Looking(CanActivate):
        def can_activate(self, context: ExecutionContext) -> bool:
            seen.append(context)
            return True

    @web_socket_gateway()
    @use_guards(_Looking())
    class _Gateway:
        @subscribe_message("event")
        def on_event(self) -> None: ...

    gateway = _Gateway()
    driver = Driver(gateway)
    await driver.send("event", {"a": 1})

    context = seen[0]
    ws = context.switch_to_ws()
    assert ("ws", _Gateway, gateway.on_event) == (
        context.get_type(),
        context.get_class(),
        context.get_handler(),
    )
    assert (driver.socket, {"a": 1}, None, "event") == context.get_args()
    assert (driver.socket, {"a": 1}, "event") == (
        ws.get_client(),
        ws.get_data(),
        ws.get_pattern(),
    )
    assert context.get_arg_by_index(2) is None


async def test_guards_run_on_connect_when_they_stand_on_class_or_application() -> None:
    """Unlike in Nest, guards run on connect (nestjs/nest#882).

    A method's guards run only for its event.
    """
    trace: Trace = []

    @web_socket_gateway()
    @use_guards(TracingGuard(trace, "class"))
    class _Gateway:
        @subscribe_message("event")
        @use_guards(TracingGuard(trace, "method"))
        def on_event(self) -> None: ...

    driver = Driver(_Gateway(), Enhancers(guards=(TracingGuard(trace, "global"),)))

    assert await driver.connect()
    assert ["guard global", "guard class"] == trace


async def test_context_has_nests_pattern_when_a_guard_runs_on_connect() -> None:
    """The pattern lets a guard distinguish a connection from an event."""
    patterns: list[str] = []

    class _Looking(CanActivate):
        def can_activate(self, context: ExecutionContext) -> bool:
            patterns.append(context.get_pattern())
            return True

    @web_socket_gateway()
    @use_guards(_Looking())
    class _Gateway:
        pass

    await Driver(_Gateway()).connect()

    assert ["handleConnection"] == [CONNECTION_PATTERN] == patterns


async def test_client_is_held_when_a_guard_tells_it_to_wait() -> None:
    """The server pauses the client only if the rejection contains a retry time."""

    class _Limit(CanActivate):
        def can_activate(self, context: ExecutionContext) -> bool:
            if context.get_data() == "forbidden":
                return False
            raise WsTooManyRequests(250)

    @web_socket_gateway()
    @use_guards(_Limit())
    class _Gateway:
        @subscribe_message("event")
        def on_event(self) -> str:
            return "handled"

    driver = Driver(_Gateway())

    (refusal,) = await driver.call("event")
    await driver.call("event", "forbidden")
    await driver.call_unknown("no such event")

    assert ("rate_limited", 250) == (refusal["code"], refusal["retryAfterMs"])
    assert [0.25, 0.25] == driver.link.pauses
