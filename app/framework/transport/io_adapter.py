"""`IoAdapter`: Nest's name for what binds gateways to a Socket.IO server."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from aiohttp import web

from app.framework.decorators import GatewayOptions
from app.framework.explorer import GatewayDefinition, server_attributes
from app.framework.pipeline import (
    compile_connect,
    compile_disconnect,
    compile_event,
    compile_unknown_event,
)
from app.framework.socket import Server, Socket
from app.framework.transport.endpoint import Endpoint
from app.framework.transport.engine_server import EngineOptions
from app.framework.transport.socket_server import SocketServer

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

    def bind(self, definitions: Iterable[GatewayDefinition]) -> None:
        """Compile every gateway and open its namespace; sets the gateways' `WebSocketServer`."""
        shared: dict[tuple[str, str], list[GatewayDefinition]] = {}
        for definition in definitions:
            options = definition.options
            path = self.path_of(options)
            if path not in self._servers:
                self._servers[path] = SocketServer(self._engine_options(options))
            shared.setdefault((path, options.namespace), []).append(definition)
            for name in server_attributes(type(definition.instance)):
                setattr(definition.instance, name, self.server_of(definition))
        for (path, namespace), group in shared.items():
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

    def _engine_options(self, options: GatewayOptions) -> EngineOptions:
        """The adapter's, with what the gateway says itself."""
        base = self._options.engine
        return replace(
            base,
            origins=base.origins if options.cors is None else options.cors.origins,
            ping_interval_seconds=options.ping_interval_seconds or base.ping_interval_seconds,
            ping_timeout_seconds=options.ping_timeout_seconds or base.ping_timeout_seconds,
            max_frame_bytes=options.max_frame_bytes or base.max_frame_bytes,
        )

    def _endpoint(self, group: list[GatewayDefinition]) -> Endpoint:
        hooks = (compile_disconnect(definition) for definition in group)
        timeout_seconds = self._options.engine.connect_timeout_seconds
        return Endpoint(
            socket_class=self._options.socket_class,
            connect=tuple(compile_connect(definition, timeout_seconds) for definition in group),
            disconnect=tuple(hook for hook in hooks if hook is not None),
            events={
                route.pattern: compile_event(route)
                for definition in group
                for route in definition.routes
            },
            unknown=compile_unknown_event(group),
        )
