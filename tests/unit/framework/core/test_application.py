"""Tests global enhancers and providers of an application, and errors in the wiring."""

import asyncio
import socket
from typing import Annotated, Any

import pytest
from aiohttp import ClientSession, web
from dependency_injector import containers, providers

from app.framework import (
    AppFilter,
    AppGuard,
    AppInterceptor,
    AppPipe,
    BootError,
    IoAdapter,
    IoOptions,
    MessageBody,
    NestFactory,
    ParseEnumPipe,
    ParseIntPipe,
    Socket,
    ValidationPipe,
    controller,
    get,
    imported,
    subscribe_message,
    use_guards,
    use_interceptors,
    use_pipes,
    web_socket_gateway,
)
from app.framework.core.application import http_url
from app.framework.testing import fake_socket
from app.framework.websockets.pipeline import compile_event
from tests.deadlines import ANSWER_SECONDS
from tests.unit.framework.assembling import application, start_error
from tests.unit.framework.tracing import (
    Trace,
    TracingFilter,
    TracingGuard,
    TracingInterceptor,
    TracingPipe,
)


class _Needed:
    pass


def boot_error(*provided: providers.Provider[Any]) -> str:
    with pytest.raises(BootError) as caught:
        application(*provided).definitions()
    return str(caught.value)


@pytest.mark.parametrize("prefix", ["api", "/api/"])
async def test_paths_of_controllers_begin_with_the_global_prefix(prefix: str) -> None:
    @controller("cats")
    class _Cats:
        @get("all")
        async def index(self) -> str:
            return "cats"

    app = application(providers.Singleton(_Cats))
    app.set_global_prefix(prefix)
    url = await app.listen(0)
    async with ClientSession(url) as http:
        answers = [await http.get(path) for path in ("/api/cats/all", "/cats/all")]
    await app.close()

    assert [200, 404] == [each.status for each in answers]


async def test_global_prefix_is_refused_when_it_has_no_effect() -> None:
    app = application()
    wrong: Any = None
    with pytest.raises(BootError, match="was given None; give it a path such as 'api'"):
        app.set_global_prefix(wrong)
    await app.init()
    with pytest.raises(BootError, match="set_global_prefix was called too late"):
        app.set_global_prefix("api")
    await app.close()


async def test_global_enhancers_run_provided_before_used_when_there_are_both() -> None:
    """The order is ``APP_*``, ``use_global_*``, class. Filters run in the reverse order."""
    trace: Trace = []

    @web_socket_gateway()
    @use_guards(TracingGuard(trace, "class"))
    @use_interceptors(TracingInterceptor(trace, "class"))
    class _Gateway:
        @subscribe_message("event")
        def on_event(self) -> None:
            raise KeyError

    app = application(
        providers.Singleton(_Gateway),
        AppGuard(TracingGuard, trace, "provided"),
        AppInterceptor(TracingInterceptor, trace, "provided"),
        AppPipe(TracingPipe, trace, "provided"),
        AppFilter(TracingFilter, trace, "provided"),
    )
    app.use_global_guards(TracingGuard(trace, "used"))
    app.use_global_interceptors(TracingInterceptor(trace, "used"))
    app.use_global_pipes(TracingPipe(trace, "used"))
    app.use_global_filters(TracingFilter(trace, "first used"), TracingFilter(trace, "last used"))
    await compile_event(app.events()[0])(fake_socket(Socket), None, None)

    assert [
        "guard provided",
        "guard used",
        "guard class",
        "before provided",
        "before used",
        "before class",
        "filter last used KeyError",
    ] == trace
    assert ["provided", "used"] == [
        pipe._name for pipe in app.events()[0].enhancers.pipes if isinstance(pipe, TracingPipe)
    ]


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        (
            AppGuard,
            (
                "AppGuard provides dict, which does not implement CanActivate; "
                "derive it from CanActivate"
            ),
        ),
        (
            AppPipe,
            (
                "AppPipe provides dict, which does not implement PipeTransform; "
                "derive it from PipeTransform"
            ),
        ),
        (
            AppInterceptor,
            (
                "AppInterceptor provides dict, which does not implement NestInterceptor; "
                "derive it from NestInterceptor"
            ),
        ),
        (
            AppFilter,
            (
                "AppFilter provides dict, which does not implement ExceptionFilter; "
                "derive it from ExceptionFilter"
            ),
        ),
    ],
)
def test_boot_fails_when_a_global_enhancer_is_none(kind: Any, sentence: str) -> None:
    assert sentence == boot_error(kind(dict))


def test_boot_fails_when_a_decorated_guard_is_no_provider() -> None:
    """The error names the class, the method and the fix."""

    class _Forgotten(TracingGuard):
        pass

    @web_socket_gateway()
    class _Gateway:
        @subscribe_message("event")
        @use_guards(_Forgotten)
        def on_event(self) -> None: ...

    assert (
        "_Gateway.on_event: @use_guards names _Forgotten, but no module provides it; "
        "add providers.Singleton(_Forgotten, ...) to a module"
    ) == boot_error(providers.Singleton(_Gateway))


async def test_adapter_may_use_a_provider_when_it_is_set_after_the_creation() -> None:
    """In Nest, this is ``app.useWebSocketAdapter(new RedisIoAdapter(app.get(ConfigService)))``."""

    class _Settings:
        path = "/live"

    @web_socket_gateway()
    class _Gateway:
        pass

    app = application(providers.Singleton(_Settings), providers.Singleton(_Gateway))

    app.use_web_socket_adapter(IoAdapter(IoOptions(path=app.get(_Settings).path)))
    url = await app.listen(0)

    async with ClientSession(url) as http:
        statuses = [(await http.get(path)).status for path in ("/live/", "/socket.io/")]
    await app.close()
    assert [400, 404] == statuses


async def test_adapter_is_refused_when_it_is_a_class_or_comes_too_late() -> None:
    app = application()

    with pytest.raises(BootError, match="give it an instance of IoAdapter"):
        app.use_web_socket_adapter(IoAdapter)  # type: ignore[arg-type]
    await app.init()
    with pytest.raises(BootError, match="use_web_socket_adapter was called too late"):
        app.use_web_socket_adapter(IoAdapter(IoOptions()))
    await app.close()


def test_pipe_without_arguments_needs_no_provider() -> None:
    """As in Nest, ``@MessageBody('n', ParseIntPipe)`` needs no provider of the pipe."""

    @web_socket_gateway()
    @use_pipes(ValidationPipe)
    class _Gateway:
        @subscribe_message("event")
        def on_event(self, n: Annotated[int, MessageBody("n", ParseIntPipe)]) -> None: ...

    app = application(providers.Singleton(_Gateway))

    [route] = app.events()

    assert ["ValidationPipe"] == [type(each).__name__ for each in route.enhancers.pipes]


def test_boot_fails_when_a_pipe_with_arguments_is_no_provider() -> None:
    @web_socket_gateway()
    class _Gateway:
        @subscribe_message("event")
        @use_pipes(ParseEnumPipe)
        def on_event(self) -> None: ...

    assert (
        "_Gateway.on_event: @use_pipes names ParseEnumPipe, but no module provides it; "
        "add providers.Singleton(ParseEnumPipe, ...) to a module"
    ) == boot_error(providers.Singleton(_Gateway))


def test_boot_fails_when_a_decorated_guard_has_several_providers() -> None:
    @web_socket_gateway()
    @use_guards(TracingGuard)
    class _Gateway:
        pass

    sentence = boot_error(
        providers.Singleton(_Gateway),
        providers.Singleton(TracingGuard, [], "1"),
        providers.Singleton(TracingGuard, [], "2"),
    )

    assert "TracingGuard has 2 providers; get one of their classes instead" == sentence


def test_boot_fails_when_a_gateway_is_provided_by_a_factory() -> None:
    """A gateway must be a singleton: the framework does not support request scope."""

    @web_socket_gateway()
    class _Gateway:
        pass

    assert (
        "_Gateway is provided by a Factory, so @web_socket_gateway has no effect; "
        "provide it as providers.Singleton(_Gateway, ...)"
    ) == boot_error(providers.Factory(_Gateway))


def test_boot_fails_when_an_import_is_missing() -> None:
    """The error names the import and the fix."""

    class _Module(containers.DeclarativeContainer):
        first = imported(_Needed)
        second: providers.Singleton[list[object]] = providers.Singleton(list, first)

    with pytest.raises(BootError) as caught:
        NestFactory.create(_Module(), IoAdapter(IoOptions())).definitions()

    assert "_Module.first" in str(caught.value)
    assert "pass it to the module's constructor" in str(caught.value)


def test_boot_fails_when_a_subclass_replaces_an_import() -> None:
    """The providers of the base class would not receive the replacement."""

    class _Module(containers.DeclarativeContainer):
        needed: providers.Provider[_Needed] = imported(_Needed)
        many: providers.Singleton[list[object]] = providers.Singleton(list, needed)

    class _Sub(_Module):
        needed = providers.Object(_Needed())

    with pytest.raises(BootError) as caught:
        NestFactory.create(_Sub).definitions()

    assert (
        "A subclass of a module replaces its import of _Needed, which the module's other "
        "providers still use; pass it to the module's constructor instead"
    ) == str(caught.value)


def test_boot_fails_when_a_constructor_does_not_fit_its_provider() -> None:
    """The error names the class and the constructor's parameter."""

    @web_socket_gateway()
    class _Gateway:
        def __init__(self, service: object) -> None:
            self.service = service

    sentence = boot_error(providers.Singleton(_Gateway))

    assert sentence.startswith("_Gateway cannot be built: ")
    assert "'service'" in sentence
    assert sentence.endswith("compare its provider with its constructor")


@pytest.mark.parametrize(
    ("one", "other"), [({}, {}), ({}, {"path": "/socket.io"}), ({"path": "socket.io/"}, {})]
)
def test_boot_fails_when_two_gateways_have_the_same_event(one: Any, other: Any) -> None:
    """The error names both handlers, even if the gateways' paths are spelt differently."""

    @web_socket_gateway(**one)
    class _One:
        @subscribe_message("event")
        def on_one(self) -> None: ...

    @web_socket_gateway(**other)
    class _Other:
        @subscribe_message("event")
        def on_other(self) -> None: ...

    sentence = boot_error(providers.Singleton(_One), providers.Singleton(_Other))

    assert {"_One.on_one", "_Other.on_other"} <= set(
        sentence.replace(":", "").replace(";", "").split()
    )
    assert sentence.endswith("rename one of the two, or move it to another namespace")


@pytest.mark.parametrize("options", [{"namespace": "other"}, {"path": "/other"}])
def test_event_is_free_when_the_other_gateway_stands_elsewhere(options: Any) -> None:
    """An event name may have one handler for each pair of namespace and path."""

    @web_socket_gateway()
    class _One:
        @subscribe_message("event")
        def on_one(self) -> None: ...

    @web_socket_gateway(**options)
    class _Other:
        @subscribe_message("event")
        def on_other(self) -> None: ...

    app = application(providers.Singleton(_One), providers.Singleton(_Other))

    assert ["event", "event"] == [route.pattern for route in app.events()]


async def test_listen_serves_controllers_and_ends_when_it_is_closed() -> None:
    """`listen` returns a URL that accepts connections until `close` is called."""

    @controller("things")
    class _Controller:
        @get("one")
        async def one(self, _: web.Request) -> web.Response:
            return web.Response(text="one thing")

    app = application(providers.Singleton(_Controller))
    url = await app.listen(0)
    async with ClientSession() as session:
        async with session.get(f"{url}/things/one") as response:
            assert "one thing" == await response.text()
        await app.close()

        with pytest.raises(OSError):  # noqa: PT011 - refused, whatever the system calls it
            await session.get(f"{url}/things/one")


async def test_requests_are_finished_when_the_application_stops_listening() -> None:
    """Another process that shares the inherited socket can accept later connections."""
    waiting, going_on = asyncio.Event(), asyncio.Event()

    @controller("things")
    class _Controller:
        @get("one")
        async def one(self, _: web.Request) -> web.Response:
            waiting.set()
            await going_on.wait()
            return web.Response(text="one thing")

    app = application(providers.Singleton(_Controller))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = await app.listen_on([listener.dup()])
        async with ClientSession() as session:
            request = asyncio.create_task(session.get(f"{url}/things/one"))
            await waiting.wait()

            await app.stop_listening()
            with socket.create_connection(listener.getsockname()):
                listener.settimeout(ANSWER_SECONDS)
                listener.accept()[0].close()
            going_on.set()

            assert "one thing" == await (await request).text()
            await app.close()


async def test_listen_is_refused_when_the_application_listens_already() -> None:
    """`close` would close only the second server."""
    app = application()
    await app.listen(0)

    with pytest.raises(BootError) as caught:
        await app.listen(0)
    await app.close()

    assert "listen was called before; create one application for each port" == str(caught.value)


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", "http://127.0.0.1:80"), ("::1", "http://[::1]:80"), ("name", "http://name:80")],
)
def test_url_is_valid_when_the_host_is_an_ipv6_address(host: str, expected: str) -> None:
    assert expected == http_url(host, 80)


def test_get_gives_the_applications_own_instance_when_it_is_asked() -> None:
    """As with Nest's ``app.get``, the instance is found by its class."""
    first = providers.Singleton(_Needed)

    assert first() is application(first).get(_Needed)


def test_get_says_so_when_nobody_provides_the_class() -> None:
    with pytest.raises(BootError) as caught:
        application().get(_Needed)

    assert "No module provides _Needed; add a provider for it" == str(caught.value)


class _ModuleWithoutImports(containers.DeclarativeContainer):
    needed = providers.Singleton(_Needed)


async def test_create_takes_the_class_of_a_module_and_needs_no_adapter() -> None:
    app = NestFactory.create(_ModuleWithoutImports)
    await app.init()

    assert isinstance(app.get(_Needed), _Needed)


@pytest.mark.parametrize(
    ("module", "name"), [(_Needed, "_Needed"), ({}, "dict"), (None, "NoneType")]
)
def test_create_explains_when_it_gets_no_module(module: Any, name: str) -> None:
    with pytest.raises(BootError) as caught:
        NestFactory.create(module)

    assert (f"{name} is not a module; derive it from containers.DeclarativeContainer") == str(
        caught.value
    )


async def test_boot_fails_when_two_modules_provide_the_same_gateway_or_controller() -> None:
    """The error names the class, not two handlers of the same name."""

    @web_socket_gateway()
    class _Gateway:
        @subscribe_message("event")
        def on_event(self) -> None: ...

    @controller("things")
    class _Controller:
        pass

    for cls in (_Gateway, _Controller):
        name = cls.__name__
        assert (
            f"{name} is provided twice, so each of its events or requests would be handled twice; "
            f"provide it in one module, and write imported({name}) in the other"
        ) == await start_error(providers.Singleton(cls), providers.Singleton(cls))


async def test_events_need_no_container_when_they_are_handled() -> None:
    """A compiled event uses no provider: it runs even if all of them raise errors."""
    trace: Trace = []

    @web_socket_gateway()
    @use_guards(TracingGuard)
    class _Gateway:
        @subscribe_message("event")
        def on_event(self) -> str:
            return "handled"

    gateway = providers.Singleton(_Gateway)
    guard = providers.Singleton(TracingGuard, trace, "class")
    handle = compile_event(application(gateway, guard).events()[0])
    for provider in (gateway, guard):
        provider.override(providers.Callable(pytest.fail, "the container was called"))
    acked: list[Any] = []
    await handle(fake_socket(Socket), None, acked.append)

    assert (["handled"], ["guard class"]) == (acked, trace)
