"""Tests app/framework/throttler/module.py and app/framework/throttler/decorators.py."""

from ipaddress import ip_network
from typing import Any

import pytest
from aiohttp import ClientSession, web
from dependency_injector import containers, providers
from pydantic import BaseModel

from app.framework import (
    AppGuard,
    BootError,
    CanActivate,
    EngineOptions,
    ExecutionContext,
    IoAdapter,
    IoOptions,
    NestFactory,
    Socket,
    controller,
    get,
    subscribe_message,
    use_guards,
    web_socket_gateway,
)
from app.framework.testing import ManualClock, Test, fake_socket
from app.framework.throttler import (
    ThrottlerGuard,
    ThrottlerModule,
    ThrottlerOptions,
    skip_throttle,
    throttle,
)
from app.framework.websockets.pipeline import compile_event
from tests.unit.framework.assembling import application, start_error
from tests.unit.framework.core.http.serving import serving

LIMIT = ThrottlerOptions(ttl=60_000, limit=1)


async def _later(_: object) -> None: ...


LATER: Any = _later
"""An async function, passed as an option that must be a plain function."""


@web_socket_gateway()
@use_guards(ThrottlerGuard)
class _Gateway:
    @subscribe_message("move")
    def move(self, _: Socket) -> str:
        return "moved"


async def test_gateway_answers_with_an_error_when_the_limit_is_exceeded() -> None:
    """`use_guards` finds the guard that the module provides."""
    clock = ManualClock()
    app = application(providers.Singleton(_Gateway), ThrottlerModule.for_root([LIMIT], clock=clock))
    await app.init()
    move = compile_event(app.events()[0])
    client = fake_socket(Socket)
    acked: list[Any] = []

    await move(client, None, acked.append)
    await move(client, None, acked.append)
    await clock.advance(60)
    await move(client, None, acked.append)

    refusal = {
        "error": "ThrottlerException: Too Many Requests",
        "code": "rate_limited",
        "temporary": True,
        "retryAfterMs": 60_000,
    }
    assert ["moved", refusal, "moved"] == acked
    await app.close()


async def test_controller_answers_with_429_when_the_limit_is_exceeded() -> None:
    @controller("things")
    @use_guards(ThrottlerGuard)
    class _Controller:
        @get()
        def find(self) -> str:
            return "found"

        @get("free")
        @skip_throttle()
        def free(self) -> str:
            return "free"

    async with serving(_Controller, ThrottlerModule.for_root([LIMIT])) as client:
        assert [200, 429] == [(await client.get("/things")).status for _ in range(2)]
        refused = await client.get("/things")
        assert {
            "statusCode": 429,
            "message": "ThrottlerException: Too Many Requests",
        } == await refused.json()
        assert "60" == refused.headers["Retry-After"]
        assert [200, 200] == [(await client.get("/things/free")).status for _ in range(2)]


async def test_boot_reads_no_attributes_of_other_providers() -> None:
    """Reading a deprecated attribute, such as pydantic's ``__fields__``, would cause a warning."""

    class _Settings(BaseModel):
        pass

    app = application(
        ThrottlerModule.for_root([LIMIT]),
        providers.Singleton(_Settings),
        providers.Singleton(_Plain),
    )

    await app.init()
    await app.close()


async def test_clients_of_a_controller_behind_a_trusted_proxy_have_limits_of_their_own() -> None:
    @controller("things")
    @use_guards(ThrottlerGuard)
    class _Controller:
        @get()
        def find(self) -> None: ...

    class _Module(containers.DeclarativeContainer):
        throttler = ThrottlerModule.for_root([LIMIT])
        things = providers.Singleton(_Controller)

    engine = EngineOptions(trusted_proxies=(ip_network("127.0.0.1"),))
    app = NestFactory.create(_Module, IoAdapter(IoOptions(engine=engine)))
    async with ClientSession(await app.listen(0)) as session:
        statuses = []
        for address in ("203.0.113.1", "203.0.113.2", "203.0.113.1"):
            response = await session.get("/things", headers={"X-Forwarded-For": address})
            statuses.append(response.status)
    await app.close()

    assert [200, 200, 429] == statuses


async def test_subclass_of_the_guard_has_its_own_tracker_in_an_application() -> None:
    """As in Nest's documentation, a subclass identifies clients by ``X-Forwarded-For``."""

    class _ProxyGuard(ThrottlerGuard):
        def get_tracker(self, caller: web.Request) -> str:
            return caller.headers["X-Forwarded-For"]

        def should_skip(self, context: ExecutionContext) -> bool:
            return "X-Admin" in context.switch_to_http().get_request().headers

    @controller("things")
    @use_guards(_ProxyGuard)
    class _Controller:
        @get()
        @throttle({"default": {"limit": 1}})
        def find(self) -> None: ...

    class _Module(containers.DeclarativeContainer):
        throttler = ThrottlerModule.for_root([LIMIT])
        guard = providers.Singleton(
            _ProxyGuard, throttler.throttlers, throttler.storage, throttler.get_tracker
        )
        things = providers.Singleton(_Controller)

    app = NestFactory.create(_Module)
    async with ClientSession(await app.listen(0)) as session:
        statuses = []
        for address, extra in (("a", {}), ("b", {}), ("a", {}), ("a", {"X-Admin": "yes"})):
            response = await session.get("/things", headers={"X-Forwarded-For": address, **extra})
            statuses.append(response.status)
    await app.close()

    assert [200, 200, 429, 200] == statuses


async def test_guard_may_be_global() -> None:
    class _Module(containers.DeclarativeContainer):
        throttler = ThrottlerModule.for_root([LIMIT])
        guard = AppGuard(
            ThrottlerGuard, throttler.throttlers, throttler.storage, throttler.get_tracker
        )
        gateway = providers.Singleton(_Plain)

    app = NestFactory.create(_Module(), IoAdapter(IoOptions()))

    assert [ThrottlerGuard] == [type(each) for each in app.events()[0].enhancers.guards]


@web_socket_gateway()
class _Plain:
    @subscribe_message("move")
    def move(self) -> None: ...


async def test_boot_fails_when_a_decorator_has_no_effect() -> None:
    @web_socket_gateway()
    class _Unguarded:
        @subscribe_message("move")
        @throttle({"default": {"limit": 3}})
        def move(self) -> None: ...

    @web_socket_gateway()
    @skip_throttle()
    class _UnguardedClass:
        @subscribe_message("move")
        @use_guards(ThrottlerGuard)
        def move(self) -> None: ...

        @subscribe_message("stop")
        def stop(self) -> None: ...

    @controller("things")
    @throttle({"default": {"limit": 3}})
    class _UnguardedController:
        @get()
        def find(self) -> None: ...

    @web_socket_gateway()
    class _Hook:
        @skip_throttle()
        def handle_connection(self) -> None: ...

    class _Service:
        @skip_throttle()
        def work(self) -> None: ...

    sentences = {
        _Unguarded: (
            "_Unguarded.move: @throttle has no effect without ThrottlerGuard; add it to @use_guards"
        ),
        _UnguardedClass: (
            "_UnguardedClass.stop: @skip_throttle of _UnguardedClass has no effect without "
            "ThrottlerGuard; add it to @use_guards"
        ),
        _UnguardedController: (
            "_UnguardedController.find: @throttle of _UnguardedController has no effect without "
            "ThrottlerGuard; add it to @use_guards"
        ),
        _Hook: (
            "_Hook.handle_connection: @throttle or @skip_throttle has no effect on a hook; "
            "put guards on the class, they run when a client connects"
        ),
        _Service: (
            "_Service.work: @throttle or @skip_throttle has no effect on a method that handles no "
            "event and no request; add @subscribe_message(...), @get() or the like"
        ),
    }
    for cls, sentence in sentences.items():
        assert sentence == await start_error(
            providers.Singleton(cls), ThrottlerModule.for_root([LIMIT])
        )


@pytest.mark.parametrize("is_global", [True, False])
async def test_boot_succeeds_when_a_test_replaces_the_guard(*, is_global: bool) -> None:
    """A guard that admits everything takes the place of `ThrottlerGuard`."""

    class _Open(CanActivate):
        def can_activate(self, context: ExecutionContext) -> bool:
            del context
            return True

    @web_socket_gateway()
    class _Limited:
        @subscribe_message("move")
        @throttle({"default": {"limit": 1}})
        def move(self) -> None: ...

    class _Module(containers.DeclarativeContainer):
        throttler = ThrottlerModule.for_root([LIMIT])
        gateway = providers.Singleton(
            _Limited if is_global else use_guards(ThrottlerGuard)(_Limited)
        )
        if is_global:
            guard = AppGuard(
                ThrottlerGuard, throttler.throttlers, throttler.storage, throttler.get_tracker
            )

    module = (
        Test.create_testing_module(_Module)
        .override_guard(ThrottlerGuard)
        .use_class(_Open)
        .compile()
    )

    await module.init()
    await module.close()


async def test_boot_fails_when_a_decorator_names_an_unknown_throttler() -> None:
    @web_socket_gateway()
    @use_guards(ThrottlerGuard)
    class _Misspelt:
        @subscribe_message("move")
        @throttle({"defualt": {"limit": 3}})
        def move(self) -> None: ...

    assert (
        "_Misspelt.move: @throttle names the throttler 'defualt', but ThrottlerModule has only "
        "['default']"
    ) == await start_error(providers.Singleton(_Misspelt), ThrottlerModule.for_root([LIMIT]))


@pytest.mark.parametrize(
    ("throttlers", "why"),
    [
        ([], "the throttlers are named []; give at least one, and different names"),
        (
            [ThrottlerOptions(ttl=1, limit=1, name="a")] * 2,
            "the throttlers are named ['a', 'a']; give at least one, and different names",
        ),
        (
            {"ttl": 1, "limit": 1},
            "{'ttl': 1, 'limit': 1} is not a list of ThrottlerOptions",
        ),
        (
            [{"ttl": 1, "limit": 1}],
            "[{'ttl': 1, 'limit': 1}] is not a list of ThrottlerOptions",
        ),
        (
            [ThrottlerOptions(ttl=-1, limit=1)],
            "ttl=-1 must be a positive number of milliseconds, for 'default'",
        ),
        (
            [ThrottlerOptions(ttl=1, limit=-1, name="short")],
            "limit=-1 must be a whole number of at least 0, for 'short'",
        ),
        (
            [ThrottlerOptions(ttl=1, limit=1, block_duration=-1)],
            "block_duration=-1 must be a number of milliseconds, for 'default'",
        ),
        (
            [ThrottlerOptions(ttl=1, limit=1, block_duration=float("nan"))],
            "block_duration=nan must be a number of milliseconds, for 'default'",
        ),
        (
            [ThrottlerOptions(ttl=1, limit=1, skip_if=LATER)],
            "skip_if must not be async, for 'default'",
        ),
    ],
)
async def test_boot_fails_when_an_option_is_invalid(throttlers: Any, why: str) -> None:
    """The throttlers are checked at boot, even if they come from a provider."""
    for given in (throttlers, providers.Singleton(lambda: throttlers)):
        error = await start_error(ThrottlerModule.for_root(given))
        assert f"ThrottlerModule: {why}" == error


async def test_boot_fails_when_the_tracker_is_async() -> None:
    """Nest's ``getTracker`` is async. Without this error, every call would fail."""
    assert "_later is called by ThrottlerGuard, so it must not be async" == await start_error(
        ThrottlerModule.for_root([LIMIT], get_tracker=LATER)
    )


@pytest.mark.parametrize(
    ("limits", "why"),
    [
        ({}, "{}) names no throttler; write @throttle({'default': {'limit': 3, 'ttl': 60_000}})"),
        (5, "5) names no throttler; write @throttle({'default': {'limit': 3, 'ttl': 60_000}})"),
    ],
)
def test_throttle_is_refused_without_throttlers(limits: Any, why: str) -> None:
    with pytest.raises(BootError) as caught:
        throttle(limits)

    assert f"@throttle({why}" == str(caught.value)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({}, "{} for 'default' is invalid; set limit, ttl or block_duration"),
        (3, "3 for 'default' is invalid; set limit, ttl or block_duration"),
        ({"max": 1}, "{'max': 1} for 'default' is invalid; set limit, ttl or block_duration"),
        ({"limit": 1.5}, "limit=1.5 must be a whole number of at least 0, for 'default'"),
        ({"ttl": "60"}, "ttl='60' must be a positive number of milliseconds, for 'default'"),
    ],
)
def test_throttle_is_refused_with_invalid_limits(options: Any, why: str) -> None:
    with pytest.raises(BootError) as caught:
        throttle({"default": options})

    assert f"@throttle: {why}" == str(caught.value)


@pytest.mark.parametrize("skip", [True, {"default": 1}, ["default"]])
def test_skip_throttle_is_refused_with_anything_but_a_mapping(skip: Any) -> None:
    with pytest.raises(BootError, match=r"write @skip_throttle\(\), or"):
        skip_throttle(skip)
