"""Tests providers that would have no effect (app/framework/core/misplaced_decorators.py)."""

from typing import Any

import pytest
from dependency_injector import providers

from app.framework import (
    AppGuard,
    BootError,
    controller,
    subscribe_message,
    web_socket_gateway,
)
from tests.unit.framework.assembling import application, start_error
from tests.unit.framework.tracing import Trace, TracingGuard


@pytest.mark.parametrize(
    "kind", [providers.Factory, providers.Callable, providers.ThreadLocalSingleton]
)
async def test_boot_fails_when_a_gateway_controller_or_hook_is_no_singletons(kind: Any) -> None:
    """The framework searches only singletons for gateways, controllers and hooks."""

    @web_socket_gateway()
    class _Gateway:
        pass

    @controller()
    class _Controller:
        pass

    class _Hooked:
        async def on_module_destroy(self) -> None: ...

    for cls, what in (
        (_Gateway, "@web_socket_gateway has no effect"),
        (_Controller, "@controller has no effect"),
        (_Hooked, "its on_module_destroy never runs"),
    ):
        assert (
            f"{cls.__name__} is provided by a {kind.__name__}, so {what}; "
            f"provide it as providers.Singleton({cls.__name__}, ...)"
        ) == await start_error(kind(cls))


async def test_boot_fails_when_a_function_or_a_value_provides_a_gateway() -> None:
    """The framework would not find the gateway, so none of its events would work."""

    @web_socket_gateway()
    class _Gateway:
        @subscribe_message("event")
        def on_event(self) -> None: ...

    sentence = (
        "_Gateway is not provided by its class, so @web_socket_gateway has no effect; "
        "provide it as providers.Singleton(_Gateway, ...)"
    )
    assert sentence == await start_error(providers.Singleton(lambda: _Gateway()))  # noqa: PLW0108 - a function
    assert sentence == await start_error(providers.Object(_Gateway()))


async def test_hooks_run_when_an_object_has_them() -> None:
    """As in Nest, the hooks of a ``useValue`` object run."""
    trace: Trace = []

    class _Hooked:
        def on_module_init(self) -> None:
            trace.append("init")

    await application(providers.Object(_Hooked()), providers.Object(_Hooked)).init()

    assert ["init"] == trace


@pytest.mark.parametrize(
    ("name", "snake_case"),
    [
        ("onModuleInit", "on_module_init"),
        ("onApplicationShutdown", "on_application_shutdown"),
        ("handleConnection", "handle_connection"),
        ("handleDisconnect", "handle_disconnect"),
        ("afterInit", "after_init"),
    ],
)
async def test_boot_fails_when_a_hook_has_nests_spelling(name: str, snake_case: str) -> None:
    """A hook in camelCase would never run."""
    cls = web_socket_gateway()(type("Gateway", (), {name: lambda _: None}))

    assert f"Gateway.{name} never runs; name it {snake_case}" == await start_error(
        providers.Singleton(cls)
    )


async def test_global_guard_is_refused_when_it_comes_too_late_or_is_a_class() -> None:
    """A guard would never run if it is added after `init`, or added as a class."""
    app = application()

    with pytest.raises(BootError) as caught:
        app.use_global_guards(TracingGuard)  # type: ignore[arg-type]
    assert "use_global_guards names the class TracingGuard; give an instance of it" == str(
        caught.value
    )

    await app.init()
    with pytest.raises(BootError) as caught:
        app.use_global_guards(TracingGuard([], "late"))
    assert "use_global_guards was called too late to have an effect; call it before init" == str(
        caught.value
    )


async def test_boot_fails_when_an_async_function_makes_something() -> None:
    """An async provider returns a future, so the framework would not find the guard or gateway."""

    @web_socket_gateway()
    class _Gateway:
        def __init__(self, needed: object) -> None: ...

    async def make_needed() -> object:
        return object()

    async def make_gateway() -> object:
        return _Gateway(object())

    why = "or one of its dependencies comes from an async function"
    fix = "use a plain function, and await in on_module_init"
    for provider, name in (
        (providers.Singleton(make_gateway), "make_gateway"),
        (AppGuard(make_gateway), "make_gateway"),
        (providers.Singleton(_Gateway, providers.Coroutine(make_needed)), "_Gateway"),
    ):
        assert f"{name} {why}; {fix}" == await start_error(provider)
