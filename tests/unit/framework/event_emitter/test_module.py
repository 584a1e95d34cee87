from enum import Enum
from typing import Any

import pytest
from dependency_injector import containers, providers

from app.framework import BootError, IoAdapter, IoOptions, NestFactory, imported
from app.framework.event_emitter import EventEmitter2, EventEmitterModule, on_event
from tests.unit.framework.assembling import application, start_error

Heard = list[tuple[Any, ...]]


class _Event(Enum):
    CREATED = "order.created"


class _Orders:
    def __init__(self) -> None:
        self.heard: Heard = []

    @on_event(_Event.CREATED)
    def on_created(self, number: int) -> None:
        self.heard.append(("created", number))

    @on_event("order.paid")
    @on_event("order.sent")
    async def on_changed(self) -> None:
        self.heard.append(("changed",))

    @on_event("order.checked", suppress_errors=False)
    def check(self) -> None:
        raise PermissionError

    @on_event("order.counted")
    def count(self) -> None:
        raise PermissionError


async def test_methods_hear_events_without_surplus_arguments() -> None:
    """A method with several decorators listens to several events."""
    app = application(providers.Singleton(_Orders), EventEmitterModule.for_root())
    await app.init()
    emitter, orders = app.get(EventEmitter2), app.get(_Orders)

    for event in ("order.created", "order.paid", "order.sent", "order.lost"):
        emitter.emit(event, 7, "surplus")

    assert [("created", 7), ("changed",), ("changed",)] == orders.heard
    await app.close()
    assert not emitter.emit("order.created", 8)


async def test_emit_async_raises_only_errors_that_are_not_suppressed() -> None:
    app = application(providers.Singleton(_Orders), EventEmitterModule.for_root())
    await app.init()
    emitter = app.get(EventEmitter2)

    assert [None] == await emitter.emit_async("order.counted")
    with pytest.raises(PermissionError):
        await emitter.emit_async("order.checked")
    await app.close()


class _Emitting:
    def __init__(self, emitter: EventEmitter2) -> None:
        self._emitter = emitter

    def on_module_init(self) -> None:
        self._emitter.emit("phase", "init")

    def on_application_bootstrap(self) -> None:
        self._emitter.emit("phase", "bootstrap")

    def before_application_shutdown(self) -> None:
        self._emitter.emit("phase", "before")

    def on_application_shutdown(self) -> None:
        self._emitter.emit("phase", "shutdown")


class _Phases:
    def __init__(self) -> None:
        self.heard: list[str] = []

    @on_event("*")
    def on_phase(self, phase: str) -> None:
        self.heard.append(phase)


async def test_listeners_hear_events_from_bootstrap_until_the_sockets_are_closed() -> None:
    """Providers may be declared in any order: the emitting provider comes first here."""

    class _Module(containers.DeclarativeContainer):
        events = EventEmitterModule.for_root(wildcard=True)
        emitting = providers.Singleton(_Emitting, events.event_emitter)
        phases = providers.Singleton(_Phases)

    app = NestFactory.create(_Module(), IoAdapter(IoOptions()))
    await app.init()
    await app.close()

    assert ["bootstrap", "before"] == app.get(_Phases).heard


def test_emitter_is_imported_by_its_class_because_its_module_is_global() -> None:
    """As in Nest, other modules need not be passed the emitter."""

    class _Nested(containers.DeclarativeContainer):
        emitting = providers.Singleton(_Emitting, imported(EventEmitter2))

    class _Root(containers.DeclarativeContainer):
        nested = providers.Container(_Nested)
        events = EventEmitterModule.for_root()

    app = NestFactory.create(_Root)

    assert app.get(_Emitting)._emitter is app.get(EventEmitter2)


async def test_boot_fails_when_no_module_reads_on_event() -> None:
    assert (
        "_Orders.on_created: @on_event has no effect, because no module imports "
        "EventEmitterModule; add EventEmitterModule.for_root() to the root module"
    ) == await start_error(providers.Singleton(_Orders))


async def test_boot_fails_when_the_module_is_imported_twice() -> None:
    assert (
        "EventEmitterModule is imported 2 times; import it once, in the root module, and pass "
        "its providers to the other modules"
    ) == await start_error(EventEmitterModule.for_root(), EventEmitterModule.for_root())


async def test_boot_fails_when_the_class_of_a_listener_is_no_singleton() -> None:
    assert (
        "_Phases.on_phase: @on_event has no effect, because the class is provided by a Factory; "
        "provide it as providers.Singleton(_Phases, ...)"
    ) == await start_error(providers.Factory(_Phases), EventEmitterModule.for_root(wildcard=True))


async def test_boot_fails_when_a_method_loses_the_decorator_of_its_base_class() -> None:
    class _Quiet(_Phases):
        def on_phase(self, phase: str) -> None: ...

    assert (
        "_Quiet.on_phase overrides _Phases.on_phase, but does not inherit its @on_event; "
        "repeat the decorator"
    ) == await start_error(providers.Singleton(_Quiet), EventEmitterModule.for_root(wildcard=True))


async def test_boot_fails_when_another_decorator_hides_on_event() -> None:
    def without_wraps(method: Any) -> Any:
        def call(self: object) -> Any:
            return method(self)

        return call

    class _Hidden:
        @without_wraps
        @on_event("event")
        def on_it(self) -> None: ...

    assert (
        "_Hidden.on_it: another decorator hides @on_event; use functools.wraps in the other one, "
        "or write it below"
    ) == await start_error(providers.Singleton(_Hidden), EventEmitterModule.for_root())


async def test_boot_fails_when_wildcards_are_off_or_partial() -> None:
    assert (
        "_Phases.on_phase: @on_event('*') is no wildcard; write "
        "EventEmitterModule.for_root(wildcard=True)"
    ) == await start_error(providers.Singleton(_Phases), EventEmitterModule.for_root())

    class _Partial:
        @on_event("order*")
        def on_order(self) -> None: ...

    assert (
        "_Partial.on_order: @on_event('order*') matches no other event, because * must be a whole "
        "part; write it between delimiters, such as 'order.*'"
    ) == await start_error(
        providers.Singleton(_Partial), EventEmitterModule.for_root(wildcard=True)
    )


async def test_boot_fails_when_the_name_is_reserved() -> None:
    class _Reserved:
        @on_event("new_listener")
        def on_new(self) -> None: ...

    assert (
        "_Reserved.on_new: @on_event('new_listener'): the name is reserved; choose another one"
    ) == await start_error(providers.Singleton(_Reserved), EventEmitterModule.for_root())


async def test_boot_fails_when_a_listener_cannot_be_called() -> None:
    class _Generator:
        @on_event("event")
        def on_it(self) -> Any:
            yield

    class _Keyword:
        @on_event("event")
        def on_it(self, *, number: int) -> None: ...

    for cls, why in (
        (_Generator, " is a generator, so it would not run; remove the yield"),
        (_Keyword, ": parameter 'number' receives no argument; give it a default"),
    ):
        found = await start_error(providers.Singleton(cls), EventEmitterModule.for_root())
        assert f"{cls.__name__}.on_it{why}" == found


@pytest.mark.parametrize("options", [{"delimiter": ""}, {"max_running": 0}, {"stop_seconds": -1}])
async def test_boot_fails_when_an_option_is_invalid(options: Any) -> None:
    error = await start_error(EventEmitterModule.for_root(**options))

    assert error.startswith("EventEmitterModule.for_root: EventEmitterOptions(")


@pytest.mark.parametrize("event", ["", 7, ["a", "b"]])
def test_on_event_is_refused_when_the_name_is_not_a_string(event: Any) -> None:
    with pytest.raises(BootError, match="is not the name of an event; give it as a string"):
        on_event(event)


def test_on_event_is_refused_on_anything_but_a_plain_method() -> None:
    with pytest.raises(BootError, match=r"_Phases: @on_event belongs on a plain method"):
        on_event("event")(_Phases)
    with pytest.raises(BootError, match="@on_event belongs on a plain method"):
        on_event("event")(staticmethod(print))
