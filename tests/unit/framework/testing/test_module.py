"""Tests that the testing module overrides providers, and creates only the needed instances."""

from typing import Any
from unittest.mock import create_autospec

import pytest
from dependency_injector import containers, providers

from app.framework import BootError, CanActivate, WebSocketServer, imported, web_socket_gateway
from app.framework.event_emitter import EventEmitter2, EventEmitterModule, on_event
from app.framework.testing import Test
from tests.unit.framework.testing.greeting import Greeter, GreetingGuard, OpenGuard, Polite


class _Loud(Greeter):
    def greet(self) -> str:
        return "HEY"


class _Echo(Greeter):
    """A class whose dependency the testing module finds by type."""

    def __init__(self, polite: Polite, suffix: str = "!") -> None:
        self._polite = polite
        self._suffix = suffix

    def greet(self) -> str:
        return self._polite.greet() + self._suffix


class _GreetingModule(containers.DeclarativeContainer):
    greeter = providers.Singleton(Polite)
    guard = providers.Singleton(GreetingGuard, greeter)


def test_guard_is_built_with_its_providers_when_nothing_is_overridden() -> None:
    """Without overrides, the providers of the module are used, and no server is needed."""
    module = Test.create_testing_module(_GreetingModule).compile()

    guard = module.get(GreetingGuard)

    assert "good morning" == guard.greeter.greet()
    assert module.get(GreetingGuard) is guard


def test_value_stands_in_when_a_provider_is_overridden_by_its_class() -> None:
    """Other providers of the module receive the overriding object."""
    loud = _Loud()
    module = (
        Test.create_testing_module(_GreetingModule)
        .override_provider(Polite)
        .use_value(loud)
        .compile()
    )

    assert loud is module.get(GreetingGuard).greeter


def test_value_stands_in_when_a_provider_is_overridden_by_its_port() -> None:
    """A test that overrides a port does not need to import its adapter."""
    loud = _Loud()
    module = (
        Test.create_testing_module(_GreetingModule)
        .override_provider(Greeter)
        .use_value(loud)
        .compile()
    )

    assert loud is module.get(GreetingGuard).greeter


def test_use_class_injects_the_dependencies_of_the_class() -> None:
    """The constructor's annotated parameters are injected, and defaults are kept."""

    class _Module(_GreetingModule):
        guard = providers.Singleton(GreetingGuard, providers.Singleton(_Loud))

    module = Test.create_testing_module(_Module).override_provider(_Loud).use_class(_Echo).compile()

    assert "good morning!" == module.get(GreetingGuard).greeter.greet()


def test_use_class_is_refused_when_a_dependency_has_no_provider() -> None:
    """The error names the class, the dependency and the parameter."""

    class _Needy(_Loud):
        def __init__(self, other: OpenGuard) -> None:
            self.other = other

    builder = (
        Test.create_testing_module(_GreetingModule).override_provider(Polite).use_class(_Needy)
    )

    with pytest.raises(BootError) as caught:
        builder.compile()

    assert (
        "_Needy needs OpenGuard for 'other', which no module provides; add a provider for it"
    ) == str(caught.value)


def test_factory_stands_in_and_runs_once_when_it_is_given() -> None:
    """The factory is called with the instances that ``inject`` names."""
    made: list[str] = []

    def make(guard: OpenGuard) -> _Loud:
        made.append(type(guard).__name__)
        return _Loud()

    class _Module(_GreetingModule):
        other = providers.Singleton(OpenGuard)

    module = (
        Test.create_testing_module(_Module)
        .override_provider(Polite)
        .use_factory(make, inject=[OpenGuard])
        .compile()
    )

    assert "HEY" == module.get(GreetingGuard).greeter.greet()
    assert module.get(GreetingGuard).greeter is module.get(Polite)
    assert ["OpenGuard"] == made


def test_use_factory_is_refused_when_an_injected_class_has_no_provider() -> None:
    """The error names the missing class."""
    builder = (
        Test.create_testing_module(_GreetingModule)
        .override_provider(Polite)
        .use_factory(lambda _: _Loud(), inject=[OpenGuard])
    )

    with pytest.raises(BootError) as caught:
        builder.compile()

    assert "No module provides OpenGuard; add a provider for it" == str(caught.value)


def test_last_override_wins_when_there_are_several() -> None:
    loud = _Loud()
    module = (
        Test.create_testing_module(_GreetingModule)
        .override_provider(Polite)
        .use_class(_Loud)
        .override_provider(Polite)
        .use_value(loud)
        .compile()
    )

    assert loud is module.get(GreetingGuard).greeter


def test_override_is_one_instance_when_several_modules_provide_the_class() -> None:
    class _Root(containers.DeclarativeContainer):
        one = providers.Container(_GreetingModule)
        other = providers.Container(_GreetingModule)

    builder = Test.create_testing_module(_Root).override_provider(Polite).use_class(_Loud)
    module = builder.override_provider(GreetingGuard).use_class(GreetingGuard).compile()

    assert isinstance(module.get(Polite), _Loud)
    assert module.get(GreetingGuard).greeter is module.get(Polite)


def test_override_fails_when_its_class_is_no_provider() -> None:
    """A wrong override raises an error instead of being ignored."""
    builder = Test.create_testing_module(_GreetingModule).override_provider(OpenGuard)

    with pytest.raises(BootError) as caught:
        builder.use_value(OpenGuard()).compile()

    assert (
        "OpenGuard cannot be overridden, because the tested module does not provide it; "
        "override a class or port that it provides or imports"
    ) == str(caught.value)


def test_create_explains_when_it_gets_no_module_or_imports_of_an_existing_one() -> None:
    with pytest.raises(BootError, match="Polite is not a module; derive it from"):
        Test.create_testing_module(Polite)  # type: ignore[arg-type]

    with pytest.raises(BootError) as caught:
        Test.create_testing_module(_GreetingModule(), greeter=providers.Singleton(_Loud))
    assert (
        "greeter: a module that exists already takes no imports; pass the class of the module"
    ) == str(caught.value)


async def test_mock_with_a_spec_stands_in_when_its_class_has_hooks() -> None:
    class _Hooked(Greeter):
        async def on_module_init(self) -> None: ...

    class _Module(containers.DeclarativeContainer):
        greeter = providers.Singleton(_Hooked)

    mock = create_autospec(_Hooked, instance=True)
    builder = Test.create_testing_module(_Module).override_provider(_Hooked).use_value(mock)
    await builder.compile().init()

    mock.on_module_init.assert_awaited_once_with()


def test_import_is_filled_when_it_is_overridden_by_its_port() -> None:
    """A module can be tested without the module that would provide its import."""

    class _Module(containers.DeclarativeContainer):
        greeter = imported(Greeter)
        guard = providers.Singleton(GreetingGuard, greeter)

    loud = _Loud()
    module = (
        Test.create_testing_module(_Module).override_provider(Greeter).use_value(loud).compile()
    )

    assert loud is module.get(GreetingGuard).greeter


def test_import_is_filled_when_it_is_given_by_name() -> None:
    """A test can pass an import by name, as a parent module does."""

    class _Module(containers.DeclarativeContainer):
        greeter = imported(Greeter)
        guard = providers.Singleton(GreetingGuard, greeter)

    module = Test.create_testing_module(_Module, greeter=providers.Singleton(_Loud)).compile()

    assert "HEY" == module.get(GreetingGuard).greeter.greet()


def test_import_is_not_needed_when_its_dependent_is_overridden() -> None:
    """Only the requested instance and its dependencies are created."""

    class _Module(containers.DeclarativeContainer):
        greeter = imported(Greeter)
        guard = providers.Singleton(GreetingGuard, greeter)

    guard = OpenGuard()
    module = (
        Test.create_testing_module(_Module).override_guard(GreetingGuard).use_value(guard).compile()
    )

    found: CanActivate = module.get(GreetingGuard)
    assert guard is found


def test_get_names_the_import_when_it_is_missing() -> None:
    class _Module(containers.DeclarativeContainer):
        greeter = imported(Greeter)
        guard = providers.Singleton(GreetingGuard, greeter)

    module = Test.create_testing_module(_Module).compile()

    with pytest.raises(BootError) as caught:
        module.get(GreetingGuard)

    assert "greeter" in str(caught.value)
    assert "pass a provider of its class to the module's constructor" in str(caught.value)


def test_modules_stay_apart_when_two_tests_override_the_same_class() -> None:
    Test.create_testing_module(_GreetingModule).override_provider(Polite).use_class(_Loud).compile()

    module = Test.create_testing_module(_GreetingModule).compile()

    assert "good morning" == module.get(GreetingGuard).greeter.greet()


def test_override_reaches_a_nested_module_when_it_was_built_already() -> None:
    """Singletons that already use the original are created again."""

    class _Root(containers.DeclarativeContainer):
        greeting = providers.Container(_GreetingModule)

    container = _Root()
    before = Test.create_testing_module(container).compile().get(GreetingGuard)
    module = (
        Test.create_testing_module(container).override_provider(Polite).use_class(_Loud).compile()
    )

    assert "good morning" == before.greeter.greet()
    assert "HEY" == module.get(GreetingGuard).greeter.greet()


def test_compile_builds_nothing_and_runs_no_hook_when_it_applies_overrides() -> None:
    """`compile` calls no constructors or hooks, and starts no server."""
    trace: list[str] = []

    class _Traced:
        def __init__(self) -> None:
            trace.append("built")

        async def on_module_init(self) -> None:
            trace.append("initialised")

    class _Module(_GreetingModule):
        traced = providers.Singleton(_Traced)

    module = (
        Test.create_testing_module(_Module).override_provider(Polite).use_class(_Loud).compile()
    )
    assert [] == trace

    module.get(_Traced)
    assert ["built"] == trace


async def test_init_runs_hooks_and_awaits_factories_when_it_is_called() -> None:
    """As in Nest, a module is initialised without a server. `close` runs the closing hooks."""
    trace: list[str] = []

    class _Traced:
        async def on_module_init(self) -> None:
            trace.append("init")

        async def on_application_bootstrap(self) -> None:
            trace.append("bootstrap")

        def on_module_destroy(self) -> None:
            trace.append("destroy")

        def on_application_shutdown(self, signal: str | None) -> None:
            trace.append(f"shutdown {signal}")

    async def make() -> _Traced:
        return _Traced()

    class _Module(_GreetingModule):
        traced = providers.Singleton(make)

    await Test.create_testing_module(_Module).compile().close()
    assert ["destroy", "shutdown None"] == trace
    trace.clear()

    module = await Test.create_testing_module(_Module).compile().init()
    assert isinstance(module.get(_Traced), _Traced)
    assert ["init", "bootstrap"] == trace

    await module.close()
    assert ["init", "bootstrap", "destroy", "shutdown None"] == trace


async def test_init_starts_everything_but_the_server_and_only_once() -> None:
    """Listeners are subscribed, and gateways have their server."""
    trace: list[str] = []

    @web_socket_gateway()
    class _Gateway:
        server = WebSocketServer()

        def on_module_init(self) -> None:
            trace.append("init")

        @on_event("greeted")
        def hear(self) -> None:
            self.server.emit("greeted")
            trace.append("greeted")

    class _Module(containers.DeclarativeContainer):
        gateway = providers.Singleton(_Gateway)
        events = EventEmitterModule.for_root()

    module = await Test.create_testing_module(_Module).compile().init()
    await module.init()
    module.get(EventEmitter2).emit("greeted")
    await module.close()

    assert ["init", "greeted"] == trace


async def test_init_refuses_what_an_application_refuses() -> None:
    class _Misspelt:
        def onModuleInit(self) -> None: ...  # noqa: N802 - the mistake

    class _Module(containers.DeclarativeContainer):
        misspelt = providers.Singleton(_Misspelt)

    with pytest.raises(BootError, match="onModuleInit never runs; name it on_module_init"):
        await Test.create_testing_module(_Module).compile().init()


async def test_resolve_creates_an_instance_when_a_factory_provides_the_class() -> None:
    class _Module(containers.DeclarativeContainer):
        loud = providers.Factory(_Loud)

    module = Test.create_testing_module(_Module).compile()

    assert await module.resolve(_Loud) is not await module.resolve(_Loud)


@pytest.mark.parametrize("given", ["Greeter", 5, None])
def test_override_refuses_anything_but_a_class(given: Any) -> None:
    builder = Test.create_testing_module(_GreetingModule)

    with pytest.raises(BootError) as caught:
        builder.override_provider(given)
    assert f"override_provider was given {given!r}, which is not a class; give it a class" == str(
        caught.value
    )
    with pytest.raises(BootError, match="use_class was given"):
        builder.override_guard(GreetingGuard).use_class(given)
