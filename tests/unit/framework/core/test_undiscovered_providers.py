"""Tests providers that would have no effect (app/framework/core/misplaced_decorators.py)."""

from typing import Any

import pytest
from dependency_injector import containers, providers

from app.framework import (
    BootError,
    NestFactory,
    controller,
    subscribe_message,
    web_socket_gateway,
)
from app.framework.schedule import ScheduleModule
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


@web_socket_gateway()
class _Pets:
    pass


class _PetsModule(containers.DeclarativeContainer):
    pets = providers.Singleton(_Pets)


@pytest.mark.parametrize(
    ("value", "provider"),
    [
        (_Pets, "providers.Singleton(_Pets)"),
        (_Pets(), "providers.Singleton(_Pets)"),
        (Trace, None),
        (object, "providers.Singleton(object)"),
        (_PetsModule, "providers.Container(_PetsModule)"),
        (ScheduleModule, "ScheduleModule.for_root(...)"),
        (_PetsModule(), "providers.Container(_PetsModule)"),
    ],
)
@pytest.mark.parametrize("is_nested", [False, True])
async def test_boot_fails_when_a_module_has_a_class_instead_of_a_provider(
    value: object, provider: str | None, *, is_nested: bool
) -> None:
    """Nest's modules list classes. dependency-injector ignores a class, and builds nothing."""
    module = type("Module", (containers.DeclarativeContainer,), {"pets": value})
    if is_nested:
        root: dict[str, Any] = {"module": providers.Container(module)}
        app = NestFactory.create(type("Root", (containers.DeclarativeContainer,), root))
    else:
        app = NestFactory.create(module)

    if provider is None:
        await app.init()
        return
    with pytest.raises(BootError) as caught:
        await app.init()
    assert (
        f"Module.pets is not a provider, so nothing is built from it; write pets = {provider}"
    ) == str(caught.value)


async def test_boot_fails_when_an_argument_is_a_class_instead_of_a_provider() -> None:
    """Without this error, the constructor would get the class, and the first event would fail."""

    class _OwnPets(_Pets):
        pass

    class _Shop:
        def __init__(self, pets: _Pets, kind: type[_Pets], any_object: object) -> None: ...

    await application(providers.Singleton(_Shop, _Pets(), _Pets, _Pets)).init()
    for cls, arguments in ((_Pets, {"pets": _Pets}), (_OwnPets, {"pets": _OwnPets})):
        assert (
            f"_Shop would receive the class {cls.__name__} for 'pets'; "
            f"pass the provider of {cls.__name__}"
        ) == await start_error(providers.Singleton(_Shop, kind=_Pets, any_object=None, **arguments))


async def test_boot_fails_when_a_function_provides_a_gateway_without_saying_so() -> None:
    """The gateway would not be found, so none of its events would work."""

    @web_socket_gateway()
    class _Gateway:
        @subscribe_message("event")
        def on_event(self) -> None: ...

    async def make_gateway() -> object:
        return _Gateway()

    sentence = (
        "_Gateway comes from a function that is not annotated with -> _Gateway, so "
        "@web_socket_gateway has no effect; provide it as providers.Singleton(_Gateway, ...)"
    )
    assert sentence == await start_error(providers.Singleton(lambda: _Gateway()))  # noqa: PLW0108 - a function
    assert sentence == await start_error(providers.Singleton(make_gateway))


async def test_gateway_is_found_when_a_function_or_a_value_provides_it() -> None:
    @web_socket_gateway()
    class _Gateway:
        @subscribe_message("event")
        def on_event(self) -> None: ...

    def make_gateway() -> _Gateway:
        return _Gateway()

    for provider in (providers.Singleton(make_gateway), providers.Object(_Gateway())):
        app = application(provider)
        await app.init()
        assert ["event"] == [route.pattern for route in app.events()]


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
