"""Tests hooks that take fewer or more arguments than are passed (app/framework/common/hooks.py)."""

import signal
from collections.abc import AsyncIterator
from typing import Any

import pytest
from dependency_injector import providers

from app.framework import BootError, Server, Socket, web_socket_gateway
from app.framework.websockets.connections import compile_disconnect
from tests.unit.framework.assembling import application, start_error
from tests.unit.framework.driving import Driver

Seen = list[Any]


async def test_disconnect_runs_the_hook_when_it_takes_fewer_or_more_arguments() -> None:
    """All 41 public Nest projects with ``handleDisconnect`` declare at most one parameter."""
    seen: Seen = []

    @web_socket_gateway()
    class _None:
        def handle_disconnect(self) -> None:
            seen.append(())

    @web_socket_gateway()
    class _Client:
        async def handle_disconnect(self, client: Socket) -> None:
            seen.append((client.id,))

    @web_socket_gateway()
    class _Reason:
        def handle_disconnect(self, client: Socket, reason: str = "none", more: int = 1) -> None:
            seen.append((client.id, reason, more))

    @web_socket_gateway()
    class _Any:
        def handle_disconnect(self, client: Socket, *args: str, **options: str) -> None:
            seen.append((client.id, args, options))

    @web_socket_gateway()
    class _Static:
        @staticmethod
        def handle_disconnect(client: Socket) -> None:
            seen.append((client.id,))

    for gateway in (_None(), _Client(), _Reason(), _Any(), _Static()):
        await Driver(gateway).disconnect("transport close")

    assert [
        (),
        ("socket-1",),
        ("socket-1", "transport close", 1),
        ("socket-1", ("transport close",), {}),
        ("socket-1",),
    ] == seen


async def test_connect_runs_the_hook_when_it_takes_fewer_or_more_arguments() -> None:
    """Nest passes only the client to ``handleConnection``."""
    seen: Seen = []

    @web_socket_gateway()
    class _None:
        async def handle_connection(self) -> None:
            seen.append(())

    @web_socket_gateway()
    class _Any:
        def handle_connection(self, client: Socket, *args: Any) -> None:
            seen.append((client.id, args))

    assert [True, True] == [await Driver(each).connect() for each in (_None(), _Any())]
    assert [(), ("socket-1", ())] == seen


async def test_after_init_runs_when_it_takes_no_server() -> None:
    seen: Seen = []

    @web_socket_gateway()
    class _None:
        def after_init(self) -> None:
            seen.append(())

    @web_socket_gateway(namespace="other")
    class _Server:
        async def after_init(self, server: Server) -> None:
            seen.append(type(server))

    await application(providers.Singleton(_None), providers.Singleton(_Server)).init()

    assert [(), Server] == seen


async def test_shutdown_hooks_run_when_they_take_no_signal() -> None:
    """Most Nest projects declare ``onApplicationShutdown`` without its parameter, the signal."""
    seen: Seen = []

    class _Closing:
        async def on_module_destroy(self) -> None:
            seen.append("destroy")

        async def before_application_shutdown(self) -> None:
            seen.append("before")

        def on_application_shutdown(self) -> None:
            seen.append("shutdown")

    class _WithSignal:
        def on_module_destroy(self, *args: str) -> None:
            seen.append(args)

        def before_application_shutdown(self, *args: str) -> None:
            seen.append(args)

        def on_application_shutdown(self, signal_name: str | None = None) -> None:
            seen.append(signal_name)

    app = application(providers.Singleton(_WithSignal), providers.Singleton(_Closing))
    await app.init()
    await app.close(signal.SIGTERM)

    assert ["destroy", (), "before", ("SIGTERM",), "shutdown", "SIGTERM"] == seen


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("after_init", "(self, server)"),
        ("handle_connection", "(self, client)"),
        ("handle_disconnect", "(self, client, reason)"),
        ("on_module_init", "(self)"),
        ("before_application_shutdown", "(self, signal)"),
    ],
)
async def test_boot_fails_when_a_hook_needs_more_than_there_is(name: str, given: str) -> None:
    """The error names the surplus parameter and the fix."""

    @web_socket_gateway()
    class _Gateway:
        def hook(self, one: Any, two: Any, three: Any) -> None: ...

    missing = ["one", "two", "three"][given.count(",")]
    setattr(_Gateway, name, _Gateway.hook)

    assert (
        f"_Gateway.{name}: parameter '{missing}' receives no argument; the hook is called with "
        f"{given}, so remove the parameter or give it a default"
    ) == await start_error(providers.Singleton(_Gateway))


async def test_boot_fails_when_a_hook_cannot_run() -> None:
    """A hook cannot run if it has a keyword-only parameter, is no method, or is a generator."""

    @web_socket_gateway()
    class _Keyword:
        def handle_disconnect(self, client: Socket, *args: Any, reason: str) -> None: ...

    class _Value:
        on_module_init = True

    class _Generator:
        async def on_module_init(self) -> AsyncIterator[int]:
            yield 1

    assert "_Keyword.handle_disconnect: parameter 'reason' receives no argument" in (
        await start_error(providers.Singleton(_Keyword))
    )
    assert (
        "_Value.on_module_init is not a method, so it cannot run; make it a method or rename it"
    ) == await start_error(providers.Singleton(_Value))
    assert (
        "_Generator.on_module_init is a generator, so it would not run; remove the yield"
    ) == await start_error(providers.Singleton(_Generator))


def test_gateway_is_refused_without_an_application_when_its_hook_needs_too_much() -> None:
    """Compiling the gateway alone raises the same error as starting the application."""

    @web_socket_gateway()
    class _Gateway:
        def handle_disconnect(self, client: Socket, reason: str, rooms: Any) -> None: ...

    with pytest.raises(BootError, match="parameter 'rooms' receives no argument"):
        compile_disconnect(Driver(_Gateway()).definition)
