"""`NestApplication`: starts a module with its gateways and controllers, and stops it."""

import asyncio
import signal as signals
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, TypeVar

import structlog
from aiohttp import hdrs, web
from dependency_injector import containers, providers

from app.framework.background.explorer import explore_last
from app.framework.common.exceptions import BootError
from app.framework.common.filters import ExceptionFilter
from app.framework.common.guards import CanActivate
from app.framework.common.hooks import MODULE_HOOKS, check_hooks
from app.framework.common.interceptors import NestInterceptor
from app.framework.common.pipes import PipeTransform
from app.framework.common.providers import AppFilter, AppGuard, AppInterceptor, AppPipe
from app.framework.core.http.controllers import CONTROLLER_PREFIX, cors_middleware
from app.framework.core.http.router import (
    refuse_duplicate_routes,
    routes_of,
    unknown_path_route,
)
from app.framework.core.http.server import HttpRunner
from app.framework.core.http.server_log import http_log
from app.framework.core.injector import Injector, Module, ModuleRef, instantiate
from app.framework.core.lifecycle import run_closing_hooks, run_hooks
from app.framework.core.misplaced_decorators import (
    refuse_misplaced_decorators,
    refuse_second_instances,
    refuse_undiscovered,
)
from app.framework.platform_socketio.io_adapter import IoAdapter, IoOptions
from app.framework.platform_socketio.websocket.client_address import TRUSTED_PROXIES
from app.framework.websockets.decorators import GATEWAY_OPTIONS
from app.framework.websockets.enhancers import Enhancers, check_enhancers
from app.framework.websockets.explorer import EventRoute, GatewayDefinition, explore
from app.framework.websockets.hooks import GATEWAY_HOOKS

_log = structlog.stdlib.get_logger("NestApplication")

T = TypeVar("T")

_ANY_ADDRESS = "::"
_HTTP_SHUTDOWN_SECONDS = 0.5
_HTTP_IDLE_SECONDS = 60.0
"""The time in which a client must send a request head.

This is Node's default; aiohttp's default is an hour.
"""


class NestApplication:
    """A module with its gateways and controllers on one HTTP server.

    Create an application with `NestFactory.create`, start it with `listen` and stop it with
    `close`. If the modules contain a mistake, `init` raises a `BootError` before a port is opened.
    """

    def __init__(self, container: containers.Container, adapter: IoAdapter) -> None:
        self._injector = Injector(container)
        self._adapter = adapter
        self._globals = Enhancers()
        self._prefix = ""
        self._providers: list[object] = []
        self._routes: tuple[web.RouteDef, ...] = ()
        self._runner: web.AppRunner | None = None
        self._starting = asyncio.Lock()
        self._starter: asyncio.Task[Any] | None = None
        self._closing = asyncio.Lock()
        self._closer: asyncio.Task[Any] | None = None
        self._closes = 0
        """The number of calls of `close` that have ended without an error."""
        self._started = False
        self._initialized = False

    def get(self, token: type[T]) -> T:
        """Return the instance of a class or, if it has no provider, of its subclass.

        Raises:
            BootError: There is not exactly one provider, or it is a ``providers.Factory``.
        """
        return self._injector.get(token)

    async def resolve(self, token: type[T]) -> T:
        """Create an instance if the class has a ``providers.Factory``.

        Otherwise return the same instance as `get`.
        """
        return await ModuleRef(self._injector).resolve(token)

    def use_web_socket_adapter(self, adapter: IoAdapter) -> None:
        """Nest's ``useWebSocketAdapter``: replace the adapter.

        Call this if the adapter needs an instance that `get` returns.

        Raises:
            BootError: `init` was called before, or the argument is not an `IoAdapter`.
        """
        if not isinstance(adapter, IoAdapter):
            raise BootError(
                f"use_web_socket_adapter was given {adapter!r}; give it an instance of IoAdapter"
            )
        self._refuse_if_started("use_web_socket_adapter")
        self._adapter = adapter

    def set_global_prefix(self, prefix: str) -> None:
        """Nest's ``setGlobalPrefix``: the paths of all controllers begin with this one.

        Raises:
            BootError: `init` was called before, or the prefix is not a string.
        """
        if not isinstance(prefix, str):
            raise BootError(f"set_global_prefix was given {prefix!r}; give it a path such as 'api'")
        self._refuse_if_started("set_global_prefix")
        self._prefix = prefix

    def use_global_guards(self, *guards: CanActivate) -> None:
        """Nest's ``useGlobalGuards``: the guards run after those of `AppGuard`."""
        self._check_global("use_global_guards", guards, CanActivate)
        self._globals = replace(self._globals, guards=(*self._globals.guards, *guards))

    def use_global_interceptors(self, *interceptors: NestInterceptor) -> None:
        """Nest's ``useGlobalInterceptors``: the given ones run inside those of `AppInterceptor`."""
        self._check_global("use_global_interceptors", interceptors, NestInterceptor)
        self._globals = replace(
            self._globals, interceptors=(*self._globals.interceptors, *interceptors)
        )

    def use_global_pipes(self, *pipes: PipeTransform) -> None:
        """Nest's ``useGlobalPipes``: the pipes run after those of `AppPipe`."""
        self._check_global("use_global_pipes", pipes, PipeTransform)
        self._globals = replace(self._globals, pipes=(*self._globals.pipes, *pipes))

    def use_global_filters(self, *filters: ExceptionFilter) -> None:
        """Nest's ``useGlobalFilters``: the filters are tried before those of `AppFilter`."""
        self._check_global("use_global_filters", filters, ExceptionFilter)
        self._globals = replace(self._globals, filters=(*reversed(filters), *self._globals.filters))

    def definitions(self) -> tuple[GatewayDefinition, ...]:
        """Return the definitions of all gateways, without opening a connection or port.

        Raises:
            BootError: The modules contain a mistake, or a gateway has an unsupported option.
        """
        self._injector.check()
        application = self._application_enhancers()
        gateways = self._injector.with_metadata(GATEWAY_OPTIONS)
        refuse_second_instances(gateways)
        definitions = tuple(
            explore(gateway, application, self._injector.resolve) for gateway in gateways
        )
        self._refuse_duplicate_events(definitions)
        return definitions

    def events(self) -> tuple[EventRoute, ...]:
        """Return the events of all gateways."""
        return tuple(route for definition in self.definitions() for route in definition.routes)

    async def init(self) -> None:
        """Build all providers and run the start hooks; further calls have no effect.

        The results of async provider functions are awaited before the gateways' handlers are read.
        If `init` raises, call `close` to close the instances that were built.

        Raises:
            BootError: There is a mistake in the modules, `init` has failed before, or `close` was
                called.
        """
        async with self._starting:
            if not self._initialized:
                self._starter = asyncio.current_task()
                try:
                    await self._init()
                finally:
                    self._starter = None

    async def _init(self) -> None:
        if self._started:
            raise BootError(
                "init cannot run after it failed or after close; create a new application"
            )
        self._started = True
        self._injector.check()
        await self._injector.build_singletons(self._providers)
        definitions = self.definitions()
        self._check_instances()
        self._providers = [*explore_last(self._providers)]
        self._adapter.bind(definitions)
        await self._adapter.open()
        for definition in definitions:
            server = self._adapter.server_of(definition)
            await run_hooks("after_init", [definition.instance], server)
        await run_hooks("on_module_init", self._providers)
        await run_hooks("on_application_bootstrap", self._providers)
        self._initialized = True

    async def listen(self, port: int, host: str = "127.0.0.1") -> str:
        """Call `init`, then accept clients; return the URL.

        Args:
            port: The port; 0 chooses a free one.
            host: The address. ``::`` means every address, including IPv4, as in Node.

        Raises:
            OSError: The address cannot be used; ``socket.gaierror`` if the host has no address.
            BootError: `init` has failed, or `listen` or `close` was called before.
        """
        # asyncio binds "::" to IPv6 only; without a host it binds all IPv4 and IPv6 addresses.
        address = None if host == _ANY_ADDRESS else host
        return await self._listen(lambda runner: [web.TCPSite(runner, address, port)])

    async def listen_on(self, sockets: Sequence[socket.socket]) -> str:
        """Like `listen`, on sockets that are already bound, such as inherited ones.

        Other processes may have copies of the sockets. `stop_listening` and `close` close only the
        copies of this process.
        """
        return await self._listen(lambda runner: [web.SockSite(runner, each) for each in sockets])

    async def stop_listening(self) -> None:
        """Accept no more connections. Existing connections and requests are still served."""
        if self._runner is not None:
            for site in tuple(self._runner.sites):
                await site.stop()

    async def _listen(self, sites: Callable[[web.AppRunner], Sequence[web.BaseSite]]) -> str:
        await self.init()
        async with self._starting:  # `close` waits for the port, because it must close the port
            return await self._open_port(sites)

    async def _open_port(self, sites: Callable[[web.AppRunner], Sequence[web.BaseSite]]) -> str:
        if not self._initialized:
            raise BootError("close was called before listen had opened the port")
        if self._runner is not None:
            raise BootError("listen was called before; create one application for each port")
        engine = self._adapter.engine
        http = web.Application(middlewares=[cors_middleware(engine.origins)])
        http[TRUSTED_PROXIES] = engine.trusted_proxies
        http.router.add_routes(self._routes)
        self._adapter.attach(http)
        http.router.add_routes([unknown_path_route(self._application_enhancers())])
        http.on_response_prepare.append(_hide_software)
        self._runner = HttpRunner(
            http,
            engine.max_connecting_per_address,
            engine.client_network,
            engine.trusted_proxies,
            access_log=None,
            logger=http_log,
            keepalive_timeout=_HTTP_IDLE_SECONDS,
            auto_decompress=False,  # a small compressed body may expand to gigabytes
            tcp_keepalive=False,  # the heartbeat and the idle timeout detect dead peers
            shutdown_timeout=_HTTP_SHUTDOWN_SECONDS,
            handle_signals=False,
        )
        await self._runner.setup()
        for site in sites(self._runner):
            await site.start()
        bound_host, bound_port, *_ = self._runner.addresses[0]
        return http_url(bound_host, bound_port)

    async def drain(self) -> None:
        """Run the ``on_drain`` hooks. Clients are still served, until `close` is called."""
        await run_closing_hooks("on_drain", self._providers[::-1])

    async def disconnect_clients(self, seconds: float, ack_seconds: float) -> None:
        """Accept no clients, and close all WebSockets with code 1001, in batches within a time.

        `close` closes all WebSockets at once, so all clients reconnect at once. Call this before
        `close` to spread them. Clients are served until it is the turn of their batch.

        Args:
            seconds: The time from the first batch to the last.
            ack_seconds: The maximum time that a connection stays open for the ack of an event that
                is being handled.
        """
        await self._adapter.disconnect_clients(seconds, ack_seconds)

    async def close(self, signal: signals.Signals | None = None) -> None:
        """Run Nest's shutdown sequence. WebSockets are closed with code 1001, so clients reconnect.

        Handlers that are running finish and send their acks. Events that arrive after this call are
        not handled. As in Nest, the closing hooks also run if `init` was never called. If `init` is
        running, `close` first waits until `init` has ended. If `init` was cancelled while an async
        provider function ran, `close` waits for the function, and closes its instance too.

        A call during another call waits for the end of that one, for example if a signal arrives
        while a test closes the application.

        Raises:
            BootError: A hook calls `close`: the hook and `close` would wait for each other.
        """
        caller = asyncio.current_task()
        if self._starter is not None and self._starter is caller:
            raise BootError("close was called while init runs its hooks; raise an error instead")
        if self._closer is not None and self._closer is caller:
            raise BootError("close was called by a hook that close runs; remove the call")
        closes = self._closes
        async with self._closing:
            if self._closes > closes:  # another call has closed the application meanwhile
                return
            self._closer = caller
            try:
                await self._close(signal)
            finally:
                self._closer = None
            self._closes += 1

    async def _close(self, signal: signals.Signals | None) -> None:
        async with self._starting:
            if not self._started:
                self._started = True
                with suppress(Exception):  # if a provider fails, close the instances built so far
                    await self._injector.build_singletons(self._providers)
            await self._injector.finish_interrupted(self._providers)
            self._initialized = False
        name = None if signal is None else signal.name
        self._adapter.stop_serving()
        await run_closing_hooks("on_module_destroy", self._providers[::-1])
        await run_closing_hooks("before_application_shutdown", self._providers[::-1], name)
        await self._adapter.close()
        if self._runner is not None:
            await self._runner.cleanup()
        await run_closing_hooks("on_application_shutdown", self._providers[::-1], name)
        if name is not None:  # CLI commands close without a signal, and must not log this
            _log.info("stopped", signal=name)

    def _check_global(self, method: str, instances: tuple[Any, ...], kind: type) -> None:
        self._refuse_if_started(method)
        check_enhancers(instances, kind, f"{method} names")

    def _refuse_if_started(self, method: str) -> None:
        if self._started:
            raise BootError(f"{method} was called too late to have an effect; call it before init")

    def _check_instances(self) -> None:
        gateways = self._injector.with_metadata(GATEWAY_OPTIONS)
        controllers = self._injector.with_metadata(CONTROLLER_PREFIX)
        refuse_second_instances(controllers)
        application = self._application_enhancers()
        self._routes = tuple(
            route
            for each in controllers
            for route in routes_of(each, application, self._injector.resolve, self._prefix)
        )
        refuse_duplicate_routes(self._routes)
        for gateway in gateways:
            check_hooks(gateway, GATEWAY_HOOKS)
        discovered = {id(each) for each in (*gateways, *controllers)}
        for provider in self._providers:
            refuse_misplaced_decorators(type(provider))
            check_hooks(provider, MODULE_HOOKS)
            if id(provider) not in discovered:
                cls = type(provider)
                how = f"comes from a function that is not annotated with -> {cls.__name__}"
                refuse_undiscovered(cls, how)

    def _application_enhancers(self) -> Enhancers:
        extra = self._globals
        return Enhancers(
            guards=(*self._provided(AppGuard, CanActivate), *extra.guards),
            interceptors=(*self._provided(AppInterceptor, NestInterceptor), *extra.interceptors),
            pipes=(*self._provided(AppPipe, PipeTransform), *extra.pipes),
            filters=(*extra.filters, *reversed(self._provided(AppFilter, ExceptionFilter))),
        )

    def _provided(self, provider: type[providers.Singleton[Any]], kind: type) -> tuple[Any, ...]:
        return check_enhancers(
            self._injector.of_kind(provider), kind, f"{provider.__name__} provides"
        )

    def _refuse_duplicate_events(self, definitions: tuple[GatewayDefinition, ...]) -> None:
        seen: dict[tuple[str, str, str], EventRoute] = {}
        for definition in definitions:
            path = self._adapter.path_of(definition.options)
            for route in definition.routes:
                key = (path, definition.options.namespace, route.pattern)
                if key in seen:
                    raise BootError(
                        f"{route.handler_name}: {seen[key].handler_name} already handles "
                        f"'{route.pattern}'; rename one of the two, or move it to another namespace"
                    )
                seen[key] = route


class NestFactory:
    """Creates applications; Nest's ``NestFactory``."""

    @staticmethod
    def create(module: Module, adapter: IoAdapter | None = None) -> NestApplication:
        """Create an application of this module, without starting anything.

        Args:
            module: A module, or the module's class if its constructor needs no arguments.
            adapter: An adapter with options; without it, the options have their defaults.

        Raises:
            BootError: ``module`` is not a module, or its providers need each other in a cycle.
        """
        return NestApplication(instantiate(module), adapter or IoAdapter(IoOptions()))


def http_url(host: str, port: int) -> str:
    """Return the URL of a server, with an IPv6 address in brackets."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


async def _hide_software(_: web.Request, response: web.StreamResponse) -> None:
    response.headers.pop(hdrs.SERVER, None)
