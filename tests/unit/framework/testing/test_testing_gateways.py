"""Tests how tests override guards, pipes, interceptors and filters.

The tested module is app/framework/testing/module.py.
"""

from typing import Annotated, Any
from unittest.mock import Mock, create_autospec

import pytest
from aiohttp import ClientSession
from dependency_injector import containers, providers

from app.framework import (
    AppFilter,
    AppGuard,
    AppInterceptor,
    AppPipe,
    CallHandler,
    CanActivate,
    EngineOptions,
    ExecutionContext,
    IoAdapter,
    IoOptions,
    MessageBody,
    NestApplication,
    NestInterceptor,
    PipeTransform,
    Socket,
    SocketServer,
    catch,
    controller,
    get,
    subscribe_message,
    use_guards,
    web_socket_gateway,
)
from app.framework.testing import Test, fake_socket
from app.framework.websockets.pipeline import compile_event
from tests.unit.framework.testing.greeting import GreetingGuard, OpenGuard, Polite


class _Closed(CanActivate):
    def can_activate(self, context: ExecutionContext) -> bool:
        del context
        return False


class _Suffix(NestInterceptor):
    def __init__(self, text: str) -> None:
        self._text = text

    async def intercept(self, context: ExecutionContext, call_handler: CallHandler) -> Any:
        del context
        return f"{await call_handler.handle()}{self._text}"


class _Prefix(PipeTransform):
    def __init__(self, text: str) -> None:
        self._text = text

    def transform(self, value: Any, metadata: Any) -> Any:
        del metadata
        return f"{self._text}{value}"


@catch()
class _Told:
    def __init__(self, text: str) -> None:
        self._text = text

    def catch(self, exception: Exception, host: ExecutionContext) -> None:
        del exception
        ack = host.get_ack()
        assert ack is not None
        ack(self._text)


@web_socket_gateway()
@use_guards(GreetingGuard)
class _Gateway:
    @subscribe_message("event")
    def on_event(self, body: Annotated[Any, MessageBody()]) -> Any:
        return body


class _GatewayModule(containers.DeclarativeContainer):
    greeter = providers.Singleton(Polite)
    guard = providers.Singleton(GreetingGuard, greeter)
    app_guard = AppGuard(OpenGuard)
    app_interceptor = AppInterceptor(_Suffix, "<")
    app_pipe = AppPipe(_Prefix, ">")
    app_filter = AppFilter(_Told, "original")
    gateway = providers.Singleton(_Gateway)


async def answer_of(app: NestApplication, data: Any = "good morning") -> Any:
    """Send the gateway's only event, and return its ack."""
    acked: list[Any] = []
    await compile_event(app.events()[0])(fake_socket(Socket), data, acked.append)
    return acked[0]


async def test_guard_is_replaced_in_decorators_when_it_is_overridden_as_a_provider() -> None:
    """Unlike in Nest, `override_provider` also replaces guards that decorators name."""
    module = (
        Test.create_testing_module(_GatewayModule)
        .override_provider(GreetingGuard)
        .use_class(_Closed)
        .compile()
    )

    assert "original" == await answer_of(module.create_nest_application())


async def test_guard_is_replaced_in_decorators_when_it_is_overridden_as_a_guard() -> None:
    """Overriding the guard replaces its provider, so `get` returns the overriding object."""
    open_guard = OpenGuard()
    module = (
        Test.create_testing_module(_GatewayModule)
        .override_guard(GreetingGuard)
        .use_value(open_guard)
        .compile()
    )

    assert ">anything<" == await answer_of(module.create_nest_application(), "anything")
    found: CanActivate = module.get(GreetingGuard)
    assert open_guard is found


async def test_application_uses_its_own_adapter() -> None:
    """`create_nest_application` takes an adapter, like Nest's ``app.useWebSocketAdapter``."""
    paths: list[str] = []

    class _Adapter(IoAdapter):
        def create_io_server(self, path: str, options: EngineOptions) -> SocketServer:
            paths.append(path)
            return super().create_io_server(path, options)

    module = Test.create_testing_module(_GatewayModule).compile()
    app = module.create_nest_application(_Adapter(IoOptions(path="chat")))
    await app.init()
    await app.close()

    assert ["/chat"] == paths


async def test_app_guard_is_replaced_when_it_is_overridden() -> None:
    """Unlike a guard of Nest's ``APP_GUARD``, a global guard can be overridden by its class."""
    module = (
        Test.create_testing_module(_GatewayModule)
        .override_guard(OpenGuard)
        .use_class(_Closed)
        .compile()
    )

    assert "original" == await answer_of(module.create_nest_application())


async def test_pipe_interceptor_and_filter_are_replaced_when_they_are_overridden() -> None:
    """The builder has one method for each kind of enhancer. Calls can be chained."""
    module = (
        Test.create_testing_module(_GatewayModule)
        .override_pipe(_Prefix)
        .use_value(_Prefix("pipe "))
        .override_interceptor(_Suffix)
        .use_factory(lambda: _Suffix(" interceptor"))
        .override_filter(_Told)
        .use_value(_Told("filtered"))
        .compile()
    )
    app = module.create_nest_application()

    assert "pipe good morning interceptor" == await answer_of(app)
    assert "filtered" == await answer_of(app, "wrong")


async def test_gateway_is_replaced_when_it_is_overridden_by_another() -> None:
    """Only the events of the override exist, and each of them exists once."""

    @web_socket_gateway()
    class _Fake:
        @subscribe_message("faked")
        def on_event(self) -> None: ...

    module = (
        Test.create_testing_module(_GatewayModule)
        .override_provider(_Gateway)
        .use_class(_Fake)
        .compile()
    )
    app = module.create_nest_application()

    assert ["faked"] == [route.pattern for route in app.events()]


async def test_gateway_is_gone_when_its_override_is_none() -> None:
    """An override that is not a gateway has no events."""
    module = (
        Test.create_testing_module(_GatewayModule)
        .override_provider(_Gateway)
        .use_value(object())
        .compile()
    )

    assert () == module.create_nest_application().events()


@pytest.mark.parametrize("mock", [Mock(spec=_Prefix), create_autospec(_Prefix, instance=True)])
async def test_handler_receives_no_mock_when_a_pipe_is_mocked(mock: Any) -> None:
    """A mocked pipe keeps the value; once the test sets a result, it returns that."""
    module = (
        Test.create_testing_module(_GatewayModule).override_pipe(_Prefix).use_value(mock).compile()
    )
    app = module.create_nest_application()

    assert "good morning<" == await answer_of(app)

    mock.transform.return_value = "mocked"
    assert "mocked<" == await answer_of(app)
    assert ("good morning",) == mock.transform.call_args.args
    assert mock is module.get(_Prefix)


async def test_mocked_pipe_is_called_when_the_test_sets_a_side_effect() -> None:
    mock = Mock(spec=PipeTransform)
    mock.transform.side_effect = lambda value, metadata: value.upper() + metadata.type
    builder = Test.create_testing_module(_GatewayModule).override_pipe(_Prefix)

    answer = await answer_of(builder.use_value(mock).compile().create_nest_application())

    assert "GOOD MORNINGbody<" == answer


async def test_guard_of_a_controller_is_replaced_when_it_is_overridden() -> None:
    """Controllers and gateways find their guards in the same way."""

    @controller("greetings")
    @use_guards(_Closed)
    class _Controller:
        @get()
        async def greet(self) -> str:
            return "good morning"

    class _Module(containers.DeclarativeContainer):
        closed = providers.Singleton(_Closed)
        controller = providers.Singleton(_Controller)

    builder = Test.create_testing_module(_Module).override_guard(_Closed)
    app = builder.use_value(OpenGuard()).compile().create_nest_application()
    async with ClientSession(await app.listen(0)) as client:
        response = await client.get("/greetings")
        assert (200, "good morning") == (response.status, await response.text())
    await app.close()
