"""Tests app/framework/core/injector.py: finding providers by class, async factories, ModuleRef."""

import asyncio
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from dependency_injector import containers, providers
from structlog.testing import capture_logs

from app.framework import (
    AppGuard,
    BootError,
    CanActivate,
    ExecutionContext,
    ModuleRef,
    NestFactory,
    imported,
    subscribe_message,
    use_guards,
    web_socket_gateway,
)
from app.framework.core.injector import Injector
from app.framework.testing import Test
from tests.unit.framework.assembling import application, start_error

if TYPE_CHECKING:
    from decimal import Decimal


class _Cache:
    """A class that other classes derive from, like a port."""


class _FastCache(_Cache):
    pass


class _Options:
    def __init__(self, size: int = 1) -> None:
        self.size = size


class _Client:
    def __init__(self, cache: _Cache, options: _Options | None = None) -> None:
        self.cache = cache
        self.options = options


def make_cache() -> _Cache:
    return _FastCache()


async def connect() -> _Cache:
    return _FastCache()


def test_get_finds_the_result_of_a_function_when_it_is_annotated() -> None:
    """Nest's ``useFactory`` names its token; here the annotation is the token."""
    app = application(providers.Singleton(make_cache), providers.Singleton(lambda: _Options()))  # noqa: PLW0108 - a function

    assert isinstance(app.get(_Cache), _FastCache)
    assert app.get(_Cache) is app.get(_Cache)
    with pytest.raises(BootError, match="No module provides _Options"):
        app.get(_Options)


def test_get_finds_a_value_by_its_class_when_it_is_provided() -> None:
    """As with Nest's ``useValue``, an object is found by its class.

    A builtin class identifies no provider: ``str`` would match every string.
    """
    options = _Options()
    app = application(providers.Object(options), providers.Object("text"))

    assert options is app.get(_Options)
    with pytest.raises(BootError) as caught:
        app.get(str)
    assert (
        "str is a builtin class, which identifies no provider; "
        "put the value into a class of your own"
    ) == str(caught.value)


def test_get_finds_a_subclass_and_an_alias_when_they_are_provided() -> None:
    """As with Nest's ``useExisting``, two classes can lead to the same instance."""

    class _Module(containers.DeclarativeContainer):
        cache = providers.Singleton(_FastCache)
        alias = cache

    app = NestFactory.create(_Module)

    assert app.get(_Cache) is app.get(_FastCache)


def test_get_finds_the_replacement_when_a_port_is_overridden() -> None:
    """The overridden provider and its replacement count as one provider."""

    class _SlowCache(_Cache):
        pass

    class _Module(containers.DeclarativeContainer):
        cache = providers.Singleton(_SlowCache)
        client = providers.Singleton(_Client, cache)

    fast = _FastCache()
    module = Test.create_testing_module(_Module).override_provider(_Cache).use_value(fast).compile()

    assert (fast, fast) == (module.get(_Cache), module.get(_Client).cache)


async def test_init_awaits_an_async_factory_once_when_several_need_its_result() -> None:
    """The dependents receive the result, and never an awaitable."""
    made: list[_Cache] = []

    async def make() -> _Cache:
        made.append(_FastCache())
        return made[-1]

    cache = providers.Singleton(make)
    app = application(providers.Singleton(_Client, cache), cache)
    await app.init()

    assert [app.get(_Cache)] == made
    assert app.get(_Client).cache is made[0]


async def test_gateway_and_guard_are_found_when_async_functions_make_them() -> None:
    """Gateways are explored after their factories have been awaited."""

    class _Guard(CanActivate):
        def can_activate(self, context: ExecutionContext) -> bool:
            del context
            return True

    @web_socket_gateway()
    @use_guards(_Guard)
    class _Gateway:
        @subscribe_message("event")
        def on_event(self) -> None: ...

    async def make_gateway() -> _Gateway:
        return _Gateway()

    async def make_guard() -> _Guard:
        return _Guard()

    app = application(providers.Singleton(make_gateway), AppGuard(make_guard))
    await app.init()

    (route,) = app.events()
    assert ("event", 2) == (route.pattern, len(route.enhancers.guards))


async def test_async_factory_works_when_it_replaces_a_provider_or_is_imported() -> None:
    class _Module(containers.DeclarativeContainer):
        cache: providers.Dependency[_Cache] = imported(_Cache)
        client = providers.Singleton(_Client, cache)

    app = NestFactory.create(_Module(cache=providers.Singleton(connect)))
    await app.init()
    assert isinstance(app.get(_Client).cache, _FastCache)

    app = NestFactory.create(_Module(cache=providers.Singleton(_Cache)))
    replaced = _Module(cache=providers.Singleton(_Cache))
    replaced.cache.override(providers.Singleton(connect))
    app = NestFactory.create(replaced)
    await app.init()
    assert isinstance(app.get(_Client).cache, _FastCache)


async def test_boot_fails_without_the_objects_text_when_an_import_receives_another_class() -> None:
    class _Module(containers.DeclarativeContainer):
        cache: providers.Dependency[_Cache] = imported(_Cache)
        client = providers.Singleton(_Client, cache)

    class _Secret:
        def __repr__(self) -> str:
            return "s3cret is not an instance of"

    module = _Module(cache=providers.Object(_Secret()))
    with pytest.raises(BootError) as caught:
        await NestFactory.create(module).init()

    assert (
        f"An import received an object that is not an instance of {_Cache}: pass a provider of its "
        "class to the module's constructor, or override the provider"
    ) == str(caught.value)


@pytest.mark.parametrize("opens_before_close", [True, False])
async def test_close_ends_the_instance_of_an_async_factory_when_init_was_cancelled(
    caplog: pytest.LogCaptureFixture, *, opens_before_close: bool
) -> None:
    """Only `init` is cancelled: cancelling dependency-injector's own future would log an error."""
    began, opened = asyncio.Event(), asyncio.Event()
    closed: list[str] = []

    class _Pool:
        def on_application_shutdown(self) -> None:
            closed.append("pool")

    async def open_pool() -> _Pool:
        began.set()
        await opened.wait()
        return _Pool()

    app = application(providers.Singleton(open_pool))
    starting = asyncio.create_task(app.init())
    await began.wait()
    starting.cancel()
    await asyncio.wait([starting])
    if opens_before_close:
        opened.set()
        await asyncio.sleep(0)
    closing = asyncio.create_task(app.close())
    await asyncio.sleep(0)
    opened.set()
    await closing

    assert starting.cancelled()
    assert ["pool"] == closed
    assert [] == caplog.records


async def test_interrupted_async_factory_is_abandoned_when_it_does_not_end() -> None:
    async def hang() -> _Cache:
        await asyncio.Event().wait()
        raise AssertionError("the event is never set")

    container = containers.DynamicContainer()
    container.cache = providers.Singleton(hang)
    injector = Injector(container)
    built: list[object] = []
    building = asyncio.create_task(injector.build_singletons(built))
    await asyncio.sleep(0)
    building.cancel()
    await asyncio.wait([building])

    with capture_logs() as logs:
        await injector.finish_interrupted(built, timeout_seconds=0.01)

    assert [] == built
    assert [("async provider function does not end", "hang")] == [
        (each["event"], each["function"]) for each in logs
    ]


async def test_get_names_the_fix_when_an_async_factory_has_not_been_awaited() -> None:
    app = application(providers.Singleton(_Client, providers.Singleton(connect)))

    with pytest.raises(BootError) as caught:
        app.get(_Client)

    assert (
        "_Client or one of its dependencies comes from an async function, which runs in init(); "
        "await init() first"
    ) == str(caught.value)

    await app.init()
    assert isinstance(app.get(_Client).cache, _FastCache)


class _Awaitable(_Cache):
    """An instance that can be awaited, like the client of ``redis.asyncio``."""

    def __await__(self) -> Generator[Any, None, "_Awaitable"]:
        raise AssertionError("the application awaited an instance")


async def make_awaitable() -> _Awaitable:
    return _Awaitable()


@pytest.mark.parametrize("provides", [_Awaitable, make_awaitable])
async def test_init_does_not_await_an_instance_when_it_is_awaitable(provides: Any) -> None:
    app = application(providers.Singleton(provides))
    await app.init()

    assert isinstance(app.get(_Awaitable), _Awaitable)


async def test_close_ends_the_built_instances_when_a_factory_failed_in_init() -> None:
    closed: list[str] = []

    class _Opened:
        def on_module_destroy(self) -> None:
            closed.append("opened")

    async def fail() -> _Cache:
        raise OSError("no cache")

    app = application(providers.Singleton(_Opened), providers.Singleton(fail))

    with pytest.raises(OSError, match="no cache"):
        await app.init()
    await app.close()

    assert ["opened"] == closed


async def test_boot_fails_when_a_provider_is_a_resource_or_a_generator() -> None:
    def opened() -> Iterator[_Cache]:
        yield _FastCache()

    async def connected() -> AsyncIterator[_Cache]:
        yield _FastCache()

    assert (
        "opened is provided by a Resource: the application does not close resources. Use "
        "providers.Singleton, and close the instance in its on_application_shutdown"
    ) == await start_error(providers.Singleton(_Client, providers.Resource(opened)))
    for function in (opened, connected):
        assert (
            f"{function.__name__} is a generator, so its dependents would receive the generator; "
            "return the instance, and close it in its on_application_shutdown"
        ) == await start_error(providers.Singleton(_Client, providers.Singleton(function)))


async def test_boot_fails_when_a_singleton_cannot_be_found_by_its_class() -> None:
    assert (
        "_Cache is provided by a ThreadSafeSingleton: handlers run in one thread, and only a "
        "Singleton is found by its class. Use providers.Singleton"
    ) == await start_error(providers.ThreadSafeSingleton(_Cache))


@pytest.mark.parametrize("kind", [providers.ContextLocalSingleton, providers.ThreadLocalSingleton])
async def test_boot_fails_when_a_provider_asks_for_request_scope(
    kind: Callable[[type], providers.Provider[_Cache]],
) -> None:
    assert (
        f"_Cache is provided by a {kind.__name__}: request scope is not supported. Use "
        "providers.Singleton, and keep the data of one client in client.data"
    ) == await start_error(kind(_Cache))


class _RefModule(containers.DeclarativeContainer):
    module_ref = imported(ModuleRef)
    cache = providers.Singleton(_FastCache)
    options = providers.Factory(_Options, size=2)


class _RefRoot(containers.DeclarativeContainer):
    nested = providers.Container(_RefModule)
    other = providers.Singleton(_Client, nested.cache)


async def test_module_ref_gets_resolves_and_creates_when_a_module_imports_it() -> None:
    """`ModuleRef` finds the providers of all modules.

    `resolve` creates a new instance each time if the class has a ``providers.Factory``.
    """
    ref = NestFactory.create(_RefRoot).get(ModuleRef)

    assert ref.get(_Cache) is ref.get(_Client).cache
    first, second = await ref.resolve(_Options), await ref.resolve(_Options)
    assert (2, True) == (first.size, first is not second)
    created = await ref.create(_Client)
    assert created is not ref.get(_Client)
    assert created.cache is ref.get(_Cache)
    assert created.options is not None
    assert 2 == created.options.size


async def test_module_ref_explains_when_a_transient_class_has_no_single_instance() -> None:
    ref = NestFactory.create(_RefRoot).get(ModuleRef)

    with pytest.raises(BootError) as caught:
        ref.get(_Options)
    assert (
        "_Options is provided by a Factory, so it has no single instance; "
        "use ModuleRef.resolve, which creates one"
    ) == str(caught.value)


async def test_module_ref_resolves_the_one_instance_when_the_class_has_a_singleton() -> None:
    ref = NestFactory.create(_RefRoot).get(ModuleRef)
    assert ref.get(_FastCache) is await ref.resolve(_FastCache)

    ref = application(providers.Singleton(connect)).get(ModuleRef)
    cache = await ref.resolve(_Cache)
    assert ref.get(_Cache) is cache


async def test_guards_are_separate_when_a_factory_provides_their_class() -> None:
    """As in Nest, each decorator gets a separate instance of a guard that a factory provides."""

    class _Guard(CanActivate):
        def can_activate(self, context: ExecutionContext) -> bool:
            del context
            return True

    @web_socket_gateway()
    @use_guards(_Guard)
    class _Gateway:
        @subscribe_message("event")
        @use_guards(_Guard)
        def on_event(self) -> None: ...

    app = application(providers.Factory(_Guard), providers.Singleton(_Gateway))
    await app.init()

    first, second = app.events()[0].enhancers.guards
    assert first is not second


async def test_module_ref_is_found_when_no_module_imports_it() -> None:
    """`create` injects `ModuleRef` into the new instance, like any other provider."""

    class _WithRef:
        def __init__(self, module_ref: ModuleRef) -> None:
            self.module_ref = module_ref

    ref = application(providers.Singleton(_FastCache)).get(ModuleRef)

    assert ref is (await ref.create(_WithRef)).module_ref


async def test_module_ref_is_found_when_several_modules_import_it() -> None:
    class _Root(containers.DeclarativeContainer):
        one = providers.Container(_RefModule)
        other = providers.Container(_RefModule)

    assert isinstance(NestFactory.create(_Root).get(ModuleRef), ModuleRef)


class _NeedsMissing:
    def __init__(self, missing: ExecutionContext) -> None: ...


class _NeedsAmbiguous:
    def __init__(self, options: _Options | None = None) -> None: ...


class _NeedsUnannotated:
    def __init__(self, options) -> None: ...  # type: ignore[no-untyped-def] # noqa: ANN001


class _NeedsUnknown:
    def __init__(self, amount: "Decimal") -> None: ...


@pytest.mark.parametrize(
    ("cls", "sentence"),
    [
        (
            _NeedsMissing,
            (
                "_NeedsMissing needs ExecutionContext for 'missing', which no module provides; "
                "add a provider for it"
            ),
        ),
        (
            _NeedsAmbiguous,
            (
                "_NeedsAmbiguous needs _Options for 'options', which has 2 providers; "
                "annotate it with one of their classes"
            ),
        ),
        (
            _NeedsUnannotated,
            (
                "_NeedsUnannotated has a parameter 'options' without annotation; "
                "annotate it with a class"
            ),
        ),
        (
            _NeedsUnknown,
            (
                "_NeedsUnknown has an annotation that cannot be evaluated: name 'Decimal' is not "
                "defined; import the name outside of TYPE_CHECKING"
            ),
        ),
    ],
)
async def test_create_explains_when_a_parameter_cannot_be_injected(
    cls: type, sentence: str
) -> None:
    ref = application(providers.Factory(_Options), providers.Singleton(_Options)).get(ModuleRef)

    with pytest.raises(BootError) as caught:
        await ref.create(cls)

    assert sentence == str(caught.value)


async def test_create_injects_by_the_class_of_a_union_when_a_function_returns_one() -> None:
    """Two unions are not the same class: ``A | None`` must not match a provider of ``B | None``."""

    def make() -> _Client | None:
        return _Client(_FastCache())

    ref = application(providers.Singleton(make)).get(ModuleRef)

    class _Optional:
        def __init__(self, client: _Client | None, cache: _Cache | None = None) -> None:
            self.found = (client, cache)

    assert (ref.get(_Client), None) == (await ref.create(_Optional)).found
