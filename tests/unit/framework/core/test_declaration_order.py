"""Tests that guards, gateways and hooks always run in the order of their declaration."""

from collections.abc import Callable
from typing import Any

import pytest
from dependency_injector import containers, providers
from dependency_injector.containers import DynamicContainer

from app.config.settings import Settings
from app.framework import (
    AppFilter,
    AppGuard,
    AppInterceptor,
    AppPipe,
    IoAdapter,
    IoOptions,
    NestApplication,
    NestFactory,
    global_,
    imported,
    web_socket_gateway,
)
from app.framework.core.declaration_order import in_declaration_order
from app.framework.core.injector import Injector
from app.modules import create_app_module
from tests.unit.framework.tracing import (
    TracingFilter,
    TracingGuard,
    TracingInterceptor,
    TracingPipe,
)

MODULES = 8
PROVIDERS = 8
"""The number of providers. With so many, a random order is never the declared one by chance."""


def app_of(container: containers.Container) -> NestApplication:
    return NestFactory.create(container, IoAdapter(IoOptions()))


def nested(make: Callable[[str], providers.Provider[Any]]) -> tuple[DynamicContainer, list[str]]:
    """Create modules with providers before, between and after nested modules; return the names."""
    names: list[str] = []

    def some() -> dict[str, providers.Provider[Any]]:
        new = [f"{len(names) + number:02}" for number in range(PROVIDERS)]
        names.extend(new)
        return {f"provider_{name}": make(name) for name in new}

    root = DynamicContainer()
    root.set_providers(**some())
    for number in range(MODULES):
        module = type("Module", (containers.DeclarativeContainer,), some())
        if number % 2:
            root.set_provider(f"module_{number}", providers.Container(module))
        else:
            chosen_later = providers.DependenciesContainer()
            root.set_provider(f"module_{number}", chosen_later)
            chosen_later.override(module())
        root.set_providers(**some())
    return root, names


@pytest.mark.parametrize(
    ("kind", "cls"),
    [
        (AppGuard, TracingGuard),
        (AppInterceptor, TracingInterceptor),
        (AppPipe, TracingPipe),
        (AppFilter, TracingFilter),
    ],
)
def test_global_enhancers_run_as_declared_when_there_are_many_modules(kind: Any, cls: Any) -> None:
    """The providers of a nested module come at the position where the module is declared."""
    root, names = nested(lambda name: kind(cls, [], name))

    assert names == [each._name for each in Injector(root).of_kind(kind)]


def test_gateways_are_bound_as_declared_when_there_are_many() -> None:
    """Hooks of gateways run, and options of gateways are compared, in the declared order."""

    def gateway(name: str) -> providers.Singleton[object]:
        return providers.Singleton(web_socket_gateway()(type(name, (), {})))

    root, names = nested(gateway)

    assert names == [type(each.instance).__name__ for each in app_of(root).definitions()]


async def test_hooks_run_as_declared_when_nothing_depends_on_anything() -> None:
    """Closing the application runs the hooks in reverse order."""
    trace: list[str] = []

    class _Hooked:
        def __init__(self, name: str) -> None:
            self._name = name

        def on_module_init(self) -> None:
            trace.append(self._name)

        def on_module_destroy(self) -> None:
            trace.append(self._name)

    root, names = nested(lambda name: providers.Singleton(_Hooked, name))
    app = app_of(root)
    await app.init()
    await app.close()

    assert [*names, *reversed(names)] == trace


class _Authentication(TracingGuard):
    pass


class _Roles(TracingGuard):
    pass


class _Service:
    def __init__(self, *needs: object) -> None:
        self.needs = needs


def guards_of(module: containers.Container) -> list[str]:
    """Return the names of the global guards in the order in which they run."""
    return [type(each).__name__ for each in Injector(module).of_kind(AppGuard)]


def test_guard_stands_where_it_is_declared_when_another_provider_uses_it_before() -> None:
    """A guard's position is that of its declaration, even if a provider uses it earlier."""

    class _Module(containers.DeclarativeContainer):
        roles = AppGuard(_Roles, [], "roles")
        authentication = AppGuard(_Authentication, [], "authentication")

    class _Root(containers.DeclarativeContainer):
        wanted = imported(TracingGuard)
        user: providers.Singleton[_Service] = providers.Singleton(_Service, wanted)
        authentication = AppGuard(_Authentication, [], "authentication")
        roles = AppGuard(_Roles, [], "roles")

    root = _Root()
    root.wanted.override(root.roles)

    assert ["_Authentication", "_Roles"] == guards_of(root)
    assert ["_Roles", "_Authentication"] == guards_of(_Module())


def test_guard_stands_in_place_when_it_is_an_override() -> None:
    """An overriding guard runs once, at the position of the overridden guard."""

    class _Module(containers.DeclarativeContainer):
        first = AppGuard(TracingGuard, [], "first")
        second = AppGuard(_Roles, [], "second")

    module = _Module()
    module.first.override(AppGuard(_Authentication, [], "override"))

    assert ["_Authentication", "_Roles"] == guards_of(module)


def test_guard_stands_with_its_first_user_when_no_module_declares_it() -> None:
    """A guard that is only passed to a module's constructor comes after its first user."""

    class _Module(containers.DeclarativeContainer):
        authentication = imported(TracingGuard)
        roles = AppGuard(_Roles, [], "roles")

    module = _Module(authentication=AppGuard(_Authentication, [], "handed in"))

    assert ["_Authentication", "_Roles"] == guards_of(module)


def test_default_guard_does_not_run_when_a_parent_or_a_global_module_provides_another() -> None:
    class _Module(containers.DeclarativeContainer):
        guard = imported(TracingGuard, default=AppGuard(_Roles, [], "default"))

    @global_
    class _Guards(containers.DeclarativeContainer):
        guard = AppGuard(_Authentication, [], "global")

    class _Root(containers.DeclarativeContainer):
        guards = providers.Container(_Guards)
        nested = providers.Container(_Module)

    passed_in = _Module(guard=AppGuard(_Authentication, [], "handed in"))

    assert ["_Roles"] == guards_of(_Module())
    assert ["_Authentication"] == guards_of(passed_in)
    assert ["_Authentication"] == guards_of(_Root())


@pytest.mark.parametrize("database_url", ["memory:", "sqlite:///unused.db"])
def test_order_has_every_provider_once_when_it_is_the_applications(database_url: str) -> None:
    """`in_declaration_order` finds the same providers as dependency-injector's ``traverse``.

    It omits only the unused defaults of imports, and what only these defaults need.
    """
    module = create_app_module(Settings.model_construct(database_url=database_url))

    ordered = in_declaration_order(module)

    assert len(ordered) == len(set(ordered))
    found: set[providers.Provider[Any]] = set(module.traverse())
    imports: list[Any] = [each for each in found if isinstance(each, providers.Dependency)]
    unused: set[Any] = {each.default for each in imports if each.overridden} - {None}
    omitted = found - set(ordered)
    assert set(ordered) < found
    assert unused <= omitted <= unused.union(*(each.traverse() for each in unused))
