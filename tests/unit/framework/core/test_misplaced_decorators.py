"""Tests that the boot fails when a decorator or a hook would have no effect where it is."""

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Any

import pytest
from aiohttp import web
from dependency_injector import providers

from app.framework import (
    BaseWsExceptionFilter,
    Socket,
    ValidationPipe,
    WebSocketServer,
    body_limit,
    controller,
    get,
    header,
    http_code,
    set_metadata,
    subscribe_message,
    use_filters,
    use_guards,
    use_interceptors,
    use_pipes,
    web_socket_gateway,
)
from app.framework.testing import fake_socket
from app.framework.websockets.pipeline import compile_event
from tests.unit.framework.assembling import application, start_error
from tests.unit.framework.tracing import Trace, TracingGuard, TracingInterceptor

Decorate = Callable[[Any], Any]

DECORATORS: list[tuple[Decorate, str]] = [
    (use_guards(TracingGuard([], "ignored", verdict=False)), "use_guards"),
    (use_interceptors(TracingInterceptor([], "ignored")), "use_interceptors"),
    (use_pipes(ValidationPipe()), "use_pipes"),
    (use_filters(BaseWsExceptionFilter()), "use_filters"),
]


WITH_METADATA: list[tuple[Decorate, str]] = [
    *DECORATORS,
    (set_metadata("roles", ["admin"]), "set_metadata('roles', ...)"),
]


async def test_boot_fails_when_a_route_loses_a_guard_of_its_base_class() -> None:
    """Without the guard of the base class, the overriding method would be open to everybody."""

    class _Base:
        @get()
        @use_guards(TracingGuard([], "lost"))
        async def index(self) -> str:
            return "index"

    @controller("things")
    class _Controller(_Base):
        @get()
        async def index(self) -> str:
            return "open"

    assert (
        "_Controller.index overrides _Base.index, but does not inherit its @use_guards; "
        "repeat the decorator"
    ) == await start_error(providers.Singleton(_Controller))


async def test_boot_fails_when_a_decorator_of_routes_is_elsewhere() -> None:
    """Statuses and headers are only for routes; a body limit is for routes and controllers."""

    @controller()
    class _Method:
        @http_code(204)
        async def helper(self) -> None: ...

    @controller()
    @header("X-Name", "value")
    class _Class:
        pass

    @body_limit(1)
    class _Service:
        pass

    assert (
        "_Method.helper: @http_code has no effect on a method that handles no request; "
        "add @get() or the like"
    ) == await start_error(providers.Singleton(_Method))
    assert "_Class: @header has no effect on a class; write it on the methods" == (
        await start_error(providers.Singleton(_Class))
    )
    assert "_Service: @body_limit has no effect on a class that is not a controller" == (
        await start_error(providers.Singleton(_Service))
    )


@pytest.mark.parametrize(("decorate", "name"), DECORATORS)
async def test_boot_fails_when_a_class_with_enhancers_is_no_gateway(
    decorate: Decorate, name: str
) -> None:
    """Most likely the class lacks ``@web_socket_gateway()``."""

    @decorate
    class _Service:
        pass

    assert (
        f"_Service: @{name} has no effect on a class that is neither a gateway nor a controller; "
        "add @web_socket_gateway() or @controller() to it"
    ) == await start_error(providers.Singleton(_Service))


@pytest.mark.parametrize(("decorate", "name"), DECORATORS)
async def test_boot_fails_when_a_method_with_enhancers_handles_nothing(
    decorate: Decorate, name: str
) -> None:
    """Enhancers do not run for helper methods and hooks."""

    @web_socket_gateway()
    class _Helper:
        @decorate
        def helper(self) -> None: ...

    @web_socket_gateway()
    class _Hook:
        @decorate
        def handle_connection(self, client: Socket) -> None: ...

    assert (
        f"_Helper.helper: @{name} has no effect on a method that handles no event and no request; "
        "add @subscribe_message(...), @get() or the like"
    ) == await start_error(providers.Singleton(_Helper))
    assert (
        f"_Hook.handle_connection: @{name} has no effect on a hook; "
        "put guards on the class, they run when a client connects"
    ) == await start_error(providers.Singleton(_Hook))


async def test_boot_fails_when_a_handlers_class_is_no_gateway() -> None:
    """Handlers need a gateway, and routes need ``@controller()``."""

    class _Handler:
        @subscribe_message("event")
        def on_event(self) -> None: ...

    class _Route:
        @get()
        async def index(self, _: web.Request) -> web.Response:
            return web.Response()

    assert (
        "_Handler.on_event: @subscribe_message has no effect because its class is not a gateway; "
        "add @web_socket_gateway() to the class"
    ) == await start_error(providers.Singleton(_Handler))
    assert (
        "_Route.index: @get, @post or the like has no effect because its class is not a "
        "controller; add @controller() to it"
    ) == await start_error(providers.Singleton(_Route))


async def test_boot_fails_when_a_class_wants_a_server_and_is_no_gateway() -> None:
    """The framework sets the server attribute in gateways only."""

    class _Service:
        server = WebSocketServer()

    assert (
        "_Service.server: WebSocketServer() has no effect in a class that is not a gateway; "
        "give it the server of a gateway"
    ) == await start_error(providers.Singleton(_Service))


async def test_boot_fails_when_a_handler_is_no_plain_method() -> None:
    """The framework does not find handlers that are static or cached methods."""

    @web_socket_gateway()
    class _Static:
        @subscribe_message("event")
        @staticmethod
        def on_event() -> None: ...

    @web_socket_gateway()
    class _Cached:
        @subscribe_message("event")
        @lru_cache  # noqa: B019 - the mistake
        def on_event(self) -> None: ...

    for cls, kind in ((_Static, "staticmethod"), (_Cached, "_lru_cache_wrapper")):
        assert (
            f"{cls.__name__}.on_event: the framework's decorators have no effect on a {kind}; "
            "make it a plain method"
        ) == await start_error(providers.Singleton(cls))


@pytest.mark.parametrize(("decorate", "name"), WITH_METADATA)
async def test_boot_fails_when_another_decorator_hides_what_guards_the_handler(
    decorate: Decorate, name: str
) -> None:
    """A decorator without ``functools.wraps`` drops the metadata, so no guard would run."""

    def logged(function: Callable[..., Any]) -> Callable[..., Any]:
        def log(*arguments: Any) -> Any:
            return function(*arguments)

        return log

    @web_socket_gateway()
    class _Gateway:
        @subscribe_message("event")
        @logged
        @decorate
        def on_event(self) -> None: ...

    assert (
        f"_Gateway.on_event: another decorator hides @{name}; "
        "use functools.wraps in the other one, or write it below"
    ) == await start_error(providers.Singleton(_Gateway))


async def test_guard_stays_when_another_decorator_keeps_the_marks() -> None:
    """``functools.wraps`` keeps the metadata, even if the wrapper's closure has an empty cell."""
    trace: Trace = []

    def logged(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def log(*arguments: Any) -> Any:
            return function(*arguments) if arguments else never_set

        if not callable(function):
            never_set: None = None
        return log

    @web_socket_gateway()
    class _Gateway:
        @subscribe_message("event")
        @logged
        @use_guards(TracingGuard(trace, "wrapped"))
        def on_event(self) -> None: ...

    app = application(providers.Singleton(_Gateway))
    await compile_event(app.events()[0])(fake_socket(Socket), None, None)

    assert ["guard wrapped"] == trace


@pytest.mark.parametrize(("decorate", "name"), WITH_METADATA)
async def test_boot_fails_when_an_override_drops_what_guarded_the_handler(
    decorate: Decorate, name: str
) -> None:
    """The override has no guard, because it does not inherit the method's decorators."""

    class _Base:
        @subscribe_message("event")
        @decorate
        def on_event(self) -> None: ...

    @web_socket_gateway()
    class _Gateway(_Base):
        @subscribe_message("event")
        def on_event(self) -> None: ...

    assert (
        f"_Gateway.on_event overrides _Base.on_event, but does not inherit its @{name}; "
        "repeat the decorator"
    ) == await start_error(providers.Singleton(_Gateway))


async def test_override_has_its_own_guards_when_it_repeats_the_decorator() -> None:
    """The override runs its own guards, and not those of the base class's method."""
    trace: Trace = []

    class _Base:
        @subscribe_message("event")
        @use_guards(TracingGuard(trace, "base"))
        def on_event(self) -> None: ...

    @web_socket_gateway()
    class _Gateway(_Base):
        @subscribe_message("event")
        @use_guards(TracingGuard(trace, "own"))
        def on_event(self) -> None: ...

    app = application(providers.Singleton(_Gateway))
    await compile_event(app.events()[0])(fake_socket(Socket), None, None)

    assert ["guard own"] == trace
