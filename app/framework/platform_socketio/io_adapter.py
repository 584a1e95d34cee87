"""`IoAdapter`: Nest's name for what binds gateways to a Socket.IO server."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from aiohttp import web

from app.framework.common.exceptions import BootError
from app.framework.platform_socketio.engine_io.server import EngineOptions
from app.framework.platform_socketio.socket_io.namespace import CompiledNamespace
from app.framework.platform_socketio.socket_io.server import SocketServer
from app.framework.websockets.connections import (
    checks_connections,
    compile_connect,
    compile_disconnect,
)
from app.framework.websockets.decorators import GatewayOptions
from app.framework.websockets.explorer import GatewayDefinition, server_attributes
from app.framework.websockets.pipeline import compile_event
from app.framework.websockets.socket import Server, Socket
from app.framework.websockets.unknown_event import compile_unknown_event

_DRAIN_SECONDS = 0.8


@dataclass(frozen=True, slots=True)
class IoOptions:
    """What applies to every gateway that does not say otherwise.

    Attributes:
        path: Of the endpoint, without its slashes counting.
        socket_class: What handlers get as their client: `Socket` or the application's subclass.
    """

    path: str = "/socket.io"
    socket_class: type[Socket] = Socket
    engine: EngineOptions = field(default_factory=EngineOptions)


class IoAdapter:
    """One Socket.IO server per path, shared by the gateways on it."""

    def __init__(self, options: IoOptions) -> None:
        self._options = options
        self._servers: dict[str, SocketServer] = {}

    @property
    def origins(self) -> tuple[str, ...]:
        """Who may come from a browser."""
        return self._options.engine.origins

    @property
    def engine(self) -> EngineOptions:
        """What applies to gateways that do not say otherwise."""
        return self._options.engine

    def bind(self, definitions: Iterable[GatewayDefinition]) -> None:
        """Compile every gateway and open its namespace; sets the gateways' `WebSocketServer`.

        Raises:
            BootError: Gateways that share a path contradict each other.
        """
        by_path: dict[str, list[GatewayDefinition]] = {}
        for definition in definitions:
            by_path.setdefault(self.path_of(definition.options), []).append(definition)
        self._servers = {
            path: SocketServer(self._engine_options(gateways, path))
            for path, gateways in by_path.items()
        }
        for path, gateways in by_path.items():
            by_namespace: dict[str, list[GatewayDefinition]] = {}
            for definition in gateways:
                by_namespace.setdefault(definition.options.namespace, []).append(definition)
                for name in server_attributes(type(definition.instance)):
                    setattr(definition.instance, name, self.server_of(definition))
            for namespace, group in by_namespace.items():
                self._servers[path].serve(namespace, self._endpoint(group))

    def server_of(self, definition: GatewayDefinition) -> Server:
        """What the gateway's `WebSocketServer` attribute gets."""
        options = definition.options
        return Server(self._servers[self.path_of(options)].hub(options.namespace))

    def attach(self, http: web.Application) -> None:
        """Let the HTTP application serve the paths; any method, so that a wrong one is told so."""
        for path, server in self._servers.items():
            http.router.add_route("*", f"{path}/", server.handle_request)

    def stop_serving(self) -> None:
        """See `SocketServer.stop_serving`."""
        for server in self._servers.values():
            server.stop_serving()

    async def close(self) -> None:
        """Close every client with 1001, and wait, within bounds, until their hooks have run."""
        for server in self._servers.values():
            await server.close(_DRAIN_SECONDS)

    def path_of(self, options: GatewayOptions) -> str:
        """Where a gateway's clients connect."""
        return "/" + (options.path or self._options.path).strip("/")

    def _engine_options(self, gateways: list[GatewayDefinition], path: str) -> EngineOptions:
        """The adapter's, with what the gateways of the path set themselves."""
        values: dict[str, Any] = {}
        set_by: dict[str, str] = {}
        for definition in gateways:
            name = type(definition.instance).__name__
            for option, value in _own_options(definition.options).items():
                if values.setdefault(option, value) != value:
                    raise BootError(
                        f"{set_by[option]} and {name} share {path}, but {option} is "
                        f"{values[option]!r} for one and {value!r} for the other; "
                        "set it once, or give one of them a path of its own"
                    )
                set_by.setdefault(option, name)
        if "origins" in values:
            values["origins_setting"] = f"Cors of {set_by['origins']}"
        return replace(self._options.engine, **values)

    def _endpoint(self, group: list[GatewayDefinition]) -> CompiledNamespace:
        hooks = (compile_disconnect(definition) for definition in group)
        timeout_seconds = self._options.engine.connect_timeout_seconds
        return CompiledNamespace(
            socket_class=self._options.socket_class,
            connect=tuple(
                compile_connect(definition, timeout_seconds)
                for definition in group
                if checks_connections(definition)
            ),
            disconnect=tuple(hook for hook in hooks if hook is not None),
            events={
                route.pattern: compile_event(route)
                for definition in group
                for route in definition.routes
            },
            unknown=compile_unknown_event(group),
        )


def _own_options(options: GatewayOptions) -> dict[str, Any]:
    """What a gateway sets itself, by the names of `EngineOptions`."""
    own = {
        "origins": None if options.cors is None else tuple(sorted(set(options.cors.origins))),
        "ping_interval_seconds": options.ping_interval_seconds,
        "ping_timeout_seconds": options.ping_timeout_seconds,
        "max_frame_bytes": options.max_frame_bytes,
    }
    return {name: value for name, value in own.items() if value is not None}
