"""Nest's `IoAdapter`: binds gateways to Socket.IO servers."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from aiohttp import web

from app.framework.common.exceptions import BootError
from app.framework.common.hooks import check_hooks, refuse_uncalled_methods
from app.framework.platform_socketio.engine_io.server import EngineOptions
from app.framework.platform_socketio.socket_io.namespace import CompiledNamespace
from app.framework.platform_socketio.socket_io.server import SocketServer
from app.framework.websockets.connections import compile_connect, compile_disconnect
from app.framework.websockets.decorators import GatewayOptions
from app.framework.websockets.explorer import GatewayDefinition, server_attributes
from app.framework.websockets.pipeline import compile_event
from app.framework.websockets.server import Server
from app.framework.websockets.socket import Socket
from app.framework.websockets.socket_api.cluster_adapter import Cluster
from app.framework.websockets.unknown_event import compile_unknown_event

_DRAIN_SECONDS = 0.8
"""Time limit of each step in `SocketServer.shut_down`."""


_HANDLERS = "write an interceptor, a pipe or client.on(event, listener)"
_UNCALLED = {
    "createIOServer": "rename it to create_io_server",
    "create": "override create_io_server",
    "allow_request": "rename it, and pass it as an option, EngineOptions(allow_request=...)",
    "bind_client_connect": "write handle_connection in the gateway, or use server.use(check)",
    "bind_client_disconnect": "write handle_disconnect in the gateway",
    "bind_message_handler": _HANDLERS,
    "bind_message_handlers": _HANDLERS,
    "map_payload": "write a pipe",
    "dispose": "override close",
}
"""The fix for each method of Nest's adapters that a subclass of `IoAdapter` may define."""


@dataclass(frozen=True, slots=True)
class IoOptions:
    """Options for every gateway; the `GatewayOptions` of a gateway take precedence.

    Leading and trailing slashes of ``path`` are ignored.

    Attributes:
        cluster: The other nodes; see `redis_adapter`. None if this process is the only one.
    """

    path: str = "/socket.io"
    socket_class: type[Socket] = Socket
    cluster: Cluster | None = None
    engine: EngineOptions = field(default_factory=EngineOptions)


class IoAdapter:
    """Runs one Socket.IO server per path; gateways with the same path share it."""

    def __init__(self, options: IoOptions) -> None:
        refuse_uncalled_methods(type(self), _UNCALLED)
        check_hooks(self, {"close": ()})
        self._options = options
        self._servers: dict[str, SocketServer] = {}

    @property
    def engine(self) -> EngineOptions:
        """The limits and rules of every gateway that does not override them."""
        return self._options.engine

    def bind(self, definitions: Iterable[GatewayDefinition]) -> None:
        """Compile every gateway, open its namespace, and set its `WebSocketServer` attribute.

        Raises:
            BootError: Two gateways on the same path have different values for an option, or
                gateways of a cluster have different paths, or `create_io_server` did not return a
                `SocketServer`.
        """
        by_path: dict[str, list[GatewayDefinition]] = {}
        for definition in definitions:
            by_path.setdefault(self.path_of(definition.options), []).append(definition)
        if self._options.cluster is not None and len(by_path) > 1:
            raise BootError(
                f"gateways of a cluster must have the same path, not {' and '.join(by_path)}: the "
                "messages between nodes do not name the path; use different namespaces"
            )
        self._servers = {
            path: self._create_server(path, self._engine_options(gateways, path))
            for path, gateways in by_path.items()
        }
        for path, gateways in by_path.items():
            by_namespace: dict[str, list[GatewayDefinition]] = {}
            for definition in gateways:
                by_namespace.setdefault(definition.options.namespace, []).append(definition)
            server = self._servers[path]
            timeout_seconds = server.eio.options.connect_timeout_seconds
            for namespace, group in by_namespace.items():
                compiled = self._compile_namespace(group, timeout_seconds)
                pattern = group[0].options.namespace_pattern
                if pattern is None:
                    server.open_namespace(namespace, compiled)
                else:
                    server.open_dynamic_namespace(namespace, pattern, compiled)
            for definition in gateways:
                for name in server_attributes(type(definition.instance)):
                    setattr(definition.instance, name, self.server_of(definition))

    def create_io_server(self, path: str, options: EngineOptions) -> SocketServer:
        """Create the server of one path at boot, like Nest's ``createIOServer``.

        A subclass may change options with
        ``super().create_io_server(path, replace(options, ...))``, or return a subclass of
        `SocketServer`. These options do not change the limits of HTTP connections, because all
        paths share one HTTP server.
        """
        del path
        return SocketServer(options)

    def server_of(self, definition: GatewayDefinition) -> Server:
        """Return the value of the gateway's `WebSocketServer` attribute."""
        options = definition.options
        manager = self._servers[self.path_of(options)].manager
        return Server(manager.find_hub(options.namespace))

    async def open(self) -> None:
        """Connect to the other nodes of the cluster, if there is one."""
        if self._options.cluster is not None:
            await self._options.cluster.open()

    def attach(self, http: web.Application) -> None:
        """Add a route per path, for all HTTP methods; `EngineServer` rejects all but GET."""
        for path, server in self._servers.items():
            http.router.add_route("*", f"{path}/", server.handle_request)

    async def disconnect_clients(self, seconds: float, ack_seconds: float) -> None:
        """See `SocketServer.disconnect_clients`."""
        async with asyncio.TaskGroup() as disconnecting:
            for server in self._servers.values():
                disconnecting.create_task(server.disconnect_clients(seconds, ack_seconds))

    def stop_serving(self) -> None:
        """See `SocketServer.stop_serving`."""
        for server in self._servers.values():
            server.stop_serving()

    async def close(self) -> None:
        """Close every connection with code 1001; see `SocketServer.shut_down`."""
        for server in self._servers.values():
            await server.shut_down(_DRAIN_SECONDS)
        if self._options.cluster is not None:
            await self._options.cluster.close()

    def path_of(self, options: GatewayOptions) -> str:
        """Return the path at which a gateway's clients connect."""
        return "/" + (options.path or self._options.path).strip("/")

    def _engine_options(self, gateways: list[GatewayDefinition], path: str) -> EngineOptions:
        """Return the adapter's options, overridden by the options of the gateways on this path."""
        values: dict[str, Any] = {}
        set_by: dict[str, str] = {}
        for definition in gateways:
            name = type(definition.instance).__name__
            for option, value in _own_options(definition.options).items():
                if values.setdefault(option, value) != value:
                    raise BootError(
                        f"{set_by[option]} and {name} share {path}, but {option} is "
                        f"{values[option]!r} for one and {value!r} for the other; "
                        "use the same value, or give one gateway another path"
                    )
                set_by.setdefault(option, name)
        if "origins" in values:
            values["origins_setting"] = f"Cors of {set_by['origins']}"
        return replace(self._options.engine, **values)

    def _create_server(self, path: str, options: EngineOptions) -> SocketServer:
        server: object = self.create_io_server(path, options)
        if not isinstance(server, SocketServer):
            raise BootError(
                f"{type(self).__name__}.create_io_server returned {type(server).__name__}; "
                "return super().create_io_server(path, options), and do not make it async"
            )
        if self._options.cluster is not None:
            server.join_cluster(self._options.cluster)
        return server

    def _compile_namespace(
        self, group: list[GatewayDefinition], timeout_seconds: float
    ) -> CompiledNamespace:
        connect = compile_connect(group, timeout_seconds)
        hooks = (compile_disconnect(definition) for definition in group)
        return CompiledNamespace(
            socket_class=self._options.socket_class,
            connect=() if connect is None else (connect,),
            disconnect=tuple(hook for hook in hooks if hook is not None),
            events={
                route.pattern: compile_event(route)
                for definition in group
                for route in definition.routes
            },
            unknown=compile_unknown_event(group),
        )


def _own_options(options: GatewayOptions) -> dict[str, Any]:
    own = {
        "origins": None if options.cors is None else options.cors.origins,
        "ping_interval_seconds": options.ping_interval_seconds,
        "ping_timeout_seconds": options.ping_timeout_seconds,
        "max_frame_bytes": options.max_frame_bytes,
        "max_attachments": options.max_attachments,
    }
    return {name: value for name, value in own.items() if value is not None}
