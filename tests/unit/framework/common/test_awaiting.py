"""Tests that async and plain guards, pipes, filters, interceptors and handlers are awaited."""

import asyncio
from collections.abc import Awaitable
from typing import Annotated, Any

import pytest
from structlog.testing import capture_logs

from app.framework import (
    ArgumentMetadata,
    BaseWsExceptionFilter,
    CallHandler,
    CanActivate,
    ConnectedSocket,
    ExecutionContext,
    MessageBody,
    NestInterceptor,
    PipeTransform,
    Socket,
    ValidationPipe,
    WsException,
    catch,
    create_param_decorator,
    subscribe_message,
    use_filters,
    use_guards,
    use_interceptors,
    use_pipes,
    web_socket_gateway,
)
from app.framework.common.awaiting import maybe_await
from app.framework.testing import activate, fake_context, fake_socket
from tests.unit.framework.driving import Driver


async def later(value: Any) -> Any:
    await asyncio.sleep(0)
    return value


async def much_later(value: Any) -> Any:
    """Return the coroutine of `later` without awaiting it, as if an ``await`` were missing."""
    return later(value)


WAYS = [later, much_later, lambda value: asyncio.ensure_future(later(value))]


@pytest.mark.parametrize("give", WAYS)
async def test_pipe_is_awaited_when_a_plain_function_gives_an_awaitable(give: Any) -> None:
    """Async and plain handlers receive the pipe's result instead of a coroutine."""

    class _Later(PipeTransform):
        def transform(self, value: Any, metadata: ArgumentMetadata) -> Any:
            del metadata
            return give(value + 1)

    class _BoundLater(PipeTransform):
        def bind(self, metadata: ArgumentMetadata) -> Any:
            return None if metadata.type == "custom" else lambda value: give(value * 2)

    @web_socket_gateway()
    @use_pipes(_BoundLater)
    class _Gateway:
        @subscribe_message("async")
        async def on_async(self, n: Annotated[int, MessageBody("n", _Later)]) -> list[int]:
            return [n]

        @subscribe_message("plain")
        def on_plain(self, n: Annotated[int, MessageBody("n", _Later)]) -> list[int]:
            return [n]

    driver = Driver(_Gateway())

    assert [[7]] == await driver.call("async", {"n": 3})
    assert [[7]] == await driver.call("plain", {"n": 3})


@pytest.mark.parametrize("give", WAYS)
async def test_param_decorator_is_awaited_when_its_factory_gives_an_awaitable(give: Any) -> None:
    user = create_param_decorator(lambda data, _: give(data))

    @web_socket_gateway()
    class _Gateway:
        @subscribe_message("event")
        async def on_event(self, name: Annotated[str, user("alice")]) -> list[str]:
            return [name]

    assert [["alice"]] == await Driver(_Gateway()).call("event")


@pytest.mark.parametrize("give", WAYS)
@pytest.mark.parametrize("verdict", [True, False])
async def test_guard_is_awaited_to_its_verdict_when_it_gives_an_awaitable(
    give: Any, *, verdict: bool
) -> None:
    """Without awaiting a guard's coroutine, every event would pass: a coroutine is truthy."""

    class _Plain(CanActivate):
        def can_activate(self, context: ExecutionContext) -> Awaitable[bool]:
            del context
            result: Awaitable[bool] = give(verdict)
            return result

    class _Async(CanActivate):
        async def can_activate(self, context: ExecutionContext) -> bool:
            del context
            forgotten: bool = give(verdict)
            return forgotten

    for guard in (_Plain(), _Async()):

        @web_socket_gateway()
        @use_guards(guard)
        class _Gateway:
            @subscribe_message("event")
            def on_event(self) -> str:
                return "handled"

        driver = Driver(_Gateway())
        answer = await driver.call("event")

        assert verdict == (answer == ["handled"])
        assert verdict == await driver.connect()
        assert verdict == ("unknown_event" == (await driver.call_unknown("other"))[0]["code"])
        assert verdict == await activate(guard, fake_context(fake_socket(Socket)))


async def test_interceptor_is_awaited_when_it_hands_on_what_the_handler_gives() -> None:
    """An interceptor may return a plain value, or the handler's coroutine without awaiting it."""

    class _Async(NestInterceptor):
        async def intercept(self, context: ExecutionContext, call_handler: CallHandler) -> Any:
            del context
            return call_handler.handle()

    class _Plain(NestInterceptor):
        def intercept(self, context: ExecutionContext, call_handler: CallHandler) -> Any:
            del context
            return call_handler.handle()

    class _Cached(NestInterceptor):
        def intercept(self, context: ExecutionContext, call_handler: CallHandler) -> Any:
            return "cached" if context.get_data() == "cached" else call_handler.handle()

    @web_socket_gateway()
    @use_interceptors(_Async, _Plain, _Cached)
    class _Gateway:
        @subscribe_message("event")
        async def on_event(self) -> str:
            return "handled"

    driver = Driver(_Gateway())

    assert ["handled"] == await driver.call("event")
    assert ["cached"] == await driver.call("event", "cached")


@pytest.mark.parametrize("give", [*WAYS, lambda value: value])
async def test_handlers_result_is_acked_when_a_plain_one_gives_an_awaitable(give: Any) -> None:
    """A plain handler may return the coroutine of its service."""

    @web_socket_gateway()
    class _Gateway:
        @subscribe_message("event")
        def on_event(self) -> Any:
            return give("result")

    assert ["result"] == await Driver(_Gateway()).call("event")


@catch()
class _AsyncFilter(BaseWsExceptionFilter):
    def catch(self, exception: Exception, host: ExecutionContext) -> Any:
        return self._answer_later(exception, host)

    async def _answer_later(self, exception: Exception, host: ExecutionContext) -> None:
        del exception
        await asyncio.sleep(0)
        super().catch(WsException("after a wait", code="later"), host)


@web_socket_gateway()
@use_filters(_AsyncFilter())
class _Failing:
    @subscribe_message("event")
    def on_event(self) -> None:
        raise KeyError

    def handle_connection(self) -> None:
        raise KeyError


async def test_filter_is_awaited_when_it_answers_later() -> None:
    """The client receives the filter's answer before the server handles the next event."""
    driver = Driver(_Failing())

    assert ["later"] == [answer["code"] for answer in await driver.call("event")]
    assert ["later"] == [answer["code"] for answer in await driver.call_unknown("other")]
    assert not await driver.connect()
    assert ["later"] == [args[0]["code"] for _, args in driver.emitted]


async def test_filter_is_given_up_when_it_keeps_a_refused_client() -> None:
    """A filter that never returns is cancelled, so that the rejection can finish."""

    class _Waiting:
        async def catch(self, exception: Exception, host: ExecutionContext) -> None:
            del exception, host
            await asyncio.Event().wait()

    @web_socket_gateway()
    @use_filters(_Waiting())
    class _Gateway:
        def handle_connection(self) -> None:
            raise KeyError

    with capture_logs() as logs:
        admitted = await Driver(_Gateway()).connect(timeout_seconds=0.01)

    assert (False, ["exception filter took too long"]) == (
        admitted,
        [entry["event"] for entry in logs],
    )


async def test_nothing_is_awaited_when_only_the_validation_pipe_stands_before_a_handler() -> None:
    """If `ValidationPipe` is the only enhancer, the handler runs without any suspension."""
    called: list[int] = []

    @web_socket_gateway()
    @use_pipes(ValidationPipe())
    class _Gateway:
        @subscribe_message("event")
        async def on_event(
            self,
            client: Annotated[Socket, ConnectedSocket()],
            n: Annotated[int, MessageBody("n")],
        ) -> None:
            del client
            called.append(n)

    driver = Driver(_Gateway())
    event = driver.handlers["event"](driver.socket, {"n": 1}, None)
    with pytest.raises(StopIteration):
        event.send(None)

    assert [1] == called


async def test_maybe_await_gives_the_value_when_it_is_none_or_plain() -> None:
    assert (None, 1) == (await maybe_await(None), await maybe_await(1))
