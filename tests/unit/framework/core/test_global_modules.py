"""Tests app/framework/core/global_modules.py: `global_` modules and dynamic modules."""

import pytest
from dependency_injector import containers, providers

from app.framework import BootError, NestFactory, global_, imported
from app.framework.testing import Test


class _Clock:
    pass


class _OtherClock(_Clock):
    pass


class _Alarm:
    def __init__(self, clock: _Clock) -> None:
        self.clock = clock


@global_
class _ClockModule(containers.DeclarativeContainer):
    clock = providers.Singleton(_Clock)


class _AlarmModule(containers.DeclarativeContainer):
    clock: providers.Dependency[_Clock] = imported(_Clock)
    alarm = providers.Singleton(_Alarm, clock)


class _Nested(containers.DeclarativeContainer):
    alarms = providers.Container(_AlarmModule)


class _Root(containers.DeclarativeContainer):
    nested = providers.Container(_Nested)
    clocks = providers.Container(_ClockModule)


async def test_import_is_filled_when_a_global_module_provides_it() -> None:
    """No module passes a provider for the import to the constructor of the nested module."""
    app = NestFactory.create(_Root)
    await app.init()

    assert app.get(_Clock) is app.get(_Alarm).clock


def test_import_is_filled_when_the_root_module_is_global() -> None:
    @global_
    class _GlobalRoot(containers.DeclarativeContainer):
        clock = providers.Singleton(_Clock)
        nested = providers.Container(_Nested)

    app = NestFactory.create(_GlobalRoot)

    assert app.get(_Clock) is app.get(_Alarm).clock


async def test_import_is_missing_when_the_module_is_not_global() -> None:
    class _Local(containers.DeclarativeContainer):
        clock = providers.Singleton(_Clock)

    class _App(containers.DeclarativeContainer):
        nested = providers.Container(_Nested)
        clocks = providers.Container(_Local)

    app = NestFactory.create(_App)
    with pytest.raises(BootError) as caught:
        await app.init()

    assert (
        "No module provides _Clock for _App.nested.alarms.clock: pass it to the module's "
        "constructor, provide it in a global module, or override its provider"
    ) == str(caught.value)


async def test_import_is_named_by_its_class_when_it_is_an_argument() -> None:
    class _App(containers.DeclarativeContainer):
        alarm = providers.Singleton(_Alarm, imported(_Clock))

    with pytest.raises(BootError, match="No module provides _Clock for an argument: pass it"):
        await NestFactory.create(_App).init()


def test_global_is_refused_when_its_class_is_no_module() -> None:
    with pytest.raises(BootError) as caught:
        global_(_Clock)  # type: ignore[type-var]

    assert (
        "_Clock: @global_ has no effect on a class that is not a module; "
        "derive it from containers.DeclarativeContainer"
    ) == str(caught.value)


def test_global_module_is_found_when_it_overrides_another() -> None:
    """A module that is chosen at run time may be global."""

    class _App(containers.DeclarativeContainer):
        alarms = providers.Container(_AlarmModule)
        clocks = providers.DependenciesContainer()

    module = _App()
    module.clocks.override(_ClockModule())

    assert type(NestFactory.create(module).get(_Alarm).clock) is _Clock


def test_global_provider_yields_to_the_parents_but_not_to_a_default() -> None:
    """An import uses the parent's provider, else a global module's, else the import's default."""
    default = providers.Singleton(_OtherClock)

    class _WithDefault(containers.DeclarativeContainer):
        clock: providers.Dependency[_Clock] = imported(_Clock, default)
        alarm = providers.Singleton(_Alarm, clock)

    class _App(containers.DeclarativeContainer):
        clocks = providers.Container(_ClockModule)
        alarms = providers.Container(_WithDefault)

    class _Passing(_App):
        own = providers.Singleton(_OtherClock)
        alarms = providers.Container(_WithDefault, clock=own)

    assert type(NestFactory.create(_App).get(_Alarm).clock) is _Clock
    assert type(NestFactory.create(_Passing).get(_Alarm).clock) is _OtherClock
    assert type(NestFactory.create(_WithDefault).get(_Alarm).clock) is _OtherClock


def test_boot_fails_when_two_global_providers_fit() -> None:
    class _App(containers.DeclarativeContainer):
        alarms = providers.Container(_AlarmModule)
        clocks = providers.Container(_ClockModule)
        more = providers.Container(_ClockModule)

    with pytest.raises(BootError) as caught:
        NestFactory.create(_App)

    assert (
        "_Clock has 2 providers in global modules; import one of their classes instead, "
        "or pass the provider to the module"
    ) == str(caught.value)


def test_global_provider_can_be_overridden_when_a_module_is_tested() -> None:
    other = _OtherClock()
    for module in (_Root, _AlarmModule):
        builder = Test.create_testing_module(module).override_provider(_Clock)

        assert other is builder.use_value(other).compile().get(_Alarm).clock


class _MailOptions:
    def __init__(self, sender: str) -> None:
        self.sender = sender


class _Mailer:
    def __init__(self, options: _MailOptions) -> None:
        self.options = options


@global_
class _MailModule(containers.DeclarativeContainer):
    options: providers.Dependency[_MailOptions] = imported(_MailOptions)
    mailer = providers.Singleton(_Mailer, options)

    @staticmethod
    def for_root(sender: str) -> providers.Container["_MailModule"]:
        return providers.Container(_MailModule, options=providers.Object(_MailOptions(sender)))


class _Letter:
    def __init__(self, mailer: _Mailer) -> None:
        self.mailer = mailer


async def test_dynamic_module_has_its_options_when_for_root_creates_it() -> None:
    """Nest's dynamic modules are static methods that return a ``providers.Container``."""

    class _Letters(containers.DeclarativeContainer):
        letter = providers.Singleton(_Letter, imported(_Mailer))

    class _App(containers.DeclarativeContainer):
        letters = providers.Container(_Letters)
        mail = _MailModule.for_root("a@example.org")

    app = NestFactory.create(_App)
    await app.init()

    assert "a@example.org" == app.get(_Letter).mailer.options.sender
