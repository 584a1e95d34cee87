"""Tests of the methods that an application's subclass of `IoAdapter` overrides."""

from dataclasses import replace
from typing import Any

import pytest
from dependency_injector import containers, providers

from app.framework import (
    BootError,
    EngineOptions,
    IoAdapter,
    IoOptions,
    NestApplication,
    NestFactory,
    SocketServer,
    web_socket_gateway,
)
from app.framework.redis_adapter import create_sharded_adapter


@web_socket_gateway(max_frame_bytes=200)
class _Gateway:
    pass


@web_socket_gateway(path="/other")
class _Other:
    pass


class _Module(containers.DeclarativeContainer):
    gateway = providers.Singleton(_Gateway)
    other = providers.Singleton(_Other)


def app_of(adapter: IoAdapter) -> NestApplication:
    return NestFactory.create(_Module(), adapter)


async def test_subclass_changes_the_options_when_it_creates_the_server() -> None:
    """`create_io_server` runs once per path, with the options of the adapter and the gateways."""
    given: dict[str, EngineOptions] = {}

    class _Adapter(IoAdapter):
        def create_io_server(self, path: str, options: EngineOptions) -> SocketServer:
            given[path] = options
            changed = replace(options, ping_interval_seconds=7.0)
            return super().create_io_server(path, changed)

    adapter = _Adapter(IoOptions(engine=EngineOptions(ping_timeout_seconds=3.0)))
    await app_of(adapter).init()

    assert {"/socket.io": 200, "/other": 65_536} == {
        path: options.max_frame_bytes for path, options in given.items()
    }
    assert {3.0} == {options.ping_timeout_seconds for options in given.values()}
    assert [7.0, 7.0] == [
        server.eio.options.ping_interval_seconds for server in adapter._servers.values()
    ]


async def test_boot_fails_when_gateways_of_a_cluster_have_different_paths() -> None:
    """Their namespaces would share the channels between nodes."""
    cluster = create_sharded_adapter("redis://127.0.0.1")

    with pytest.raises(BootError, match="not /socket\\.io and /other: "):
        await app_of(IoAdapter(IoOptions(cluster=cluster))).init()


async def test_boot_fails_when_a_subclass_returns_no_server() -> None:
    class _Forgets(IoAdapter):
        def create_io_server(self, path: str, options: EngineOptions) -> Any:
            super().create_io_server(path, options)

    with pytest.raises(BootError) as caught:
        await app_of(_Forgets(IoOptions())).init()

    assert (
        "_Forgets.create_io_server returned NoneType; "
        "return super().create_io_server(path, options), and do not make it async"
    ) == str(caught.value)


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("createIOServer", "rename it to create_io_server"),
        (
            "allow_request",
            "rename it, and pass it as an option, EngineOptions(allow_request=...)",
        ),
        (
            "allowRequest",
            "rename it, and pass it as an option, EngineOptions(allow_request=...)",
        ),
        ("create", "override create_io_server"),
        (
            "bindClientConnect",
            "write handle_connection in the gateway, or use server.use(check)",
        ),
        ("bind_client_disconnect", "write handle_disconnect in the gateway"),
        (
            "bind_message_handlers",
            "write an interceptor, a pipe or client.on(event, listener)",
        ),
        ("mapPayload", "write a pipe"),
        ("dispose", "override close"),
    ],
)
def test_boot_fails_when_a_subclass_has_a_method_that_never_runs(name: str, remedy: str) -> None:
    cls = type("KeyAdapter", (IoAdapter,), {name: lambda *_: True})

    with pytest.raises(BootError) as caught:
        cls(IoOptions())

    assert f"KeyAdapter.{name} never runs; {remedy}" == str(caught.value)


def test_boot_fails_when_close_needs_an_argument_as_in_nest() -> None:
    cls = type("KeyAdapter", (IoAdapter,), {"close": lambda self, server: (self, server)})

    with pytest.raises(BootError, match=r"KeyAdapter\.close: parameter 'server' receives no"):
        cls(IoOptions())
