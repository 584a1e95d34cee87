"""Tests the options of gateways that share a server.

The tested module is app/framework/platform_socketio/io_adapter.py.
"""

from typing import Any

import pytest
from dependency_injector import containers, providers

from app.framework import BootError, Cors, IoAdapter, IoOptions, NestApplication, NestFactory
from app.framework import web_socket_gateway as gateway
from app.framework.platform_socketio.engine_io.server import EngineOptions


def app_of(*options: dict[str, Any]) -> tuple[NestApplication, IoAdapter]:
    """Create an application with one gateway for each set of options."""
    container = containers.DynamicContainer()
    for index, each in enumerate(options):
        cls = gateway(**each)(type(f"Gateway{index}", (), {}))
        container.set_provider(f"gateway_{index}", providers.Singleton(cls))
    adapter = IoAdapter(IoOptions())
    return NestFactory.create(container, adapter), adapter


async def options_of(*options: dict[str, Any]) -> EngineOptions:
    """Return the options of the server that these gateways share."""
    app, adapter = app_of(*options)
    await app.init()
    return adapter._servers["/socket.io"].eio.options


@pytest.mark.parametrize("namespace", ["/", "other"])
@pytest.mark.parametrize(
    ("option", "one", "other"),
    [
        ("ping_interval_seconds", 5.0, 6.0),
        ("ping_timeout_seconds", 5.0, 6.0),
        ("max_frame_bytes", 100, 200),
    ],
)
async def test_boot_fails_when_gateways_of_one_path_contradict_each_other(
    option: str, one: Any, other: Any, namespace: str
) -> None:
    """The error names both gateways, both values and the fix."""
    app, _ = app_of({option: one}, {option: other, "namespace": namespace})

    with pytest.raises(BootError) as caught:
        await app.init()

    assert (
        f"Gateway0 and Gateway1 share /socket.io, but {option} is {one!r} for one and {other!r} "
        "for the other; use the same value, or give one gateway another path"
    ) == str(caught.value)


async def test_boot_fails_when_gateways_of_one_path_allow_other_origins() -> None:
    """Gateways of a path share their origins: the server checks the origin before the namespace."""
    app, _ = app_of({"cors": Cors(("https://a.example",))}, {"cors": Cors(("https://b.example",))})

    with pytest.raises(BootError, match=r"Gateway0 and Gateway1 share /socket\.io, but origins is"):
        await app.init()


async def test_options_hold_for_all_gateways_of_a_path_when_any_sets_them() -> None:
    """A gateway without an option uses the value that another gateway of its path sets."""
    both = ("https://a.example", "https://b.example")
    options = await options_of(
        {},
        {"ping_interval_seconds": 5.0, "cors": Cors(both)},
        {"max_frame_bytes": 100, "cors": Cors(both[::-1]), "namespace": "other"},
    )

    assert (5.0, 100, both) == (
        options.ping_interval_seconds,
        options.max_frame_bytes,
        options.origins,
    )


async def test_options_are_each_its_own_when_gateways_have_paths_of_their_own() -> None:
    app, adapter = app_of({"max_frame_bytes": 100}, {"max_frame_bytes": 200, "path": "/other"})
    await app.init()

    assert [100, 200] == [each.eio.options.max_frame_bytes for each in adapter._servers.values()]
