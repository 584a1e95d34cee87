"""`NestApplication`: a module brought to life, and ended again."""

import signal as signals
from dataclasses import replace
from typing import Any, TypeVar

import structlog
from aiohttp import hdrs, web
from dependency_injector import containers, providers

from app.framework.common.decorators import GATEWAY_OPTIONS
from app.framework.common.exceptions import BootError
from app.framework.common.filters import ExceptionFilter
from app.framework.common.guards import CanActivate
from app.framework.common.interceptors import NestInterceptor
from app.framework.common.pipes import PipeTransform
from app.framework.common.providers import AppFilter, AppGuard, AppInterceptor, AppPipe
from app.framework.core.http.controllers import (
    CONTROLLER_PREFIX,
    cors_middleware,
    refuse_doubles,
    routes_of,
)
from app.framework.core.http.server import HttpRunner
from app.framework.core.http.server_log import http_log
from app.framework.core.injector import Injector
from app.framework.core.lifecycle import (
    GATEWAY_HOOKS,
    MODULE_HOOKS,
    check_hooks,
    run_closing_hooks,
    run_hooks,
)
from app.framework.core.placement import refuse_unbound, refuse_without_effect
from app.framework.platform_socketio.io_adapter import IoAdapter
from app.framework.websockets.enhancers import Enhancers, checked
from app.framework.websockets.explorer import EventRoute, GatewayDefinition, explore

_log = structlog.stdlib.get_logger("NestApplication")

T = TypeVar("T")

_ANY_ADDRESS = "::"
_HTTP_SHUTDOWN_SECONDS = 0.5
_HTTP_IDLE_SECONDS = 60.0
"""How long a client may take over its request's head, as with Node; aiohttp would wait an hour."""


class NestApplication:
    """One module with its gateways and controllers on one HTTP server.

    `create` it, `listen`, `close`. Everything that can be wrong with how it is put together is a
    `BootError` of `init`, before a port is opened.
    """

    def __init__(self, container: containers.Container, adapter: IoAdapter) -> None:
        self._injector = Injector(container)
        self._adapter = adapter
        self._globals = Enhancers()
        self._providers: tuple[object, ...] = ()
        self._runner: web.AppRunner | None = None
        self._initialized = False

    def get(self, token: type[T]) -> T:
        """The instance of a class; see `Injector.get`."""
        return self._injector.get(token)

    def use_global_guards(self, *guards: CanActivate) -> None:
        """Nest's ``useGlobalGuards``: instances, after those provided as `AppGuard`; see there."""
        self._check_used("use_global_guards", guards, CanActivate)
        self._globals = replace(self._globals, guards=(*self._globals.guards, *guards))

    def use_global_interceptors(self, *interceptors: NestInterceptor) -> None:
        """Nest's ``useGlobalInterceptors``: instances, within those of `AppInterceptor`."""
        self._check_used("use_global_interceptors", interceptors, NestInterceptor)
        self._globals = replace(
            self._globals, interceptors=(*self._globals.interceptors, *interceptors)
        )

    def use_global_pipes(self, *pipes: PipeTransform) -> None:
        """Nest's ``useGlobalPipes``: instances, after those provided as `AppPipe`."""
        self._check_used("use_global_pipes", pipes, PipeTransform)
        self._globals = replace(self._globals, pipes=(*self._globals.pipes, *pipes))

    def use_global_filters(self, *filters: ExceptionFilter) -> None:
        """Nest's ``useGlobalFilters``: instances, asked before those provided as `AppFilter`."""
        self._check_used("use_global_filters", filters, ExceptionFilter)
        self._globals = replace(self._globals, filters=(*reversed(filters), *self._globals.filters))

    def definitions(self) -> tuple[GatewayDefinition, ...]:
        """Every gateway of the module, explored. Opens nothing.

        Raises:
            BootError: Something is wrong or not supported.
        """
        self._injector.check()
        extra = self._globals
        application = Enhancers(
            guards=(*self._provided(AppGuard, CanActivate), *extra.guards),
            interceptors=(*self._provided(AppInterceptor, NestInterceptor), *extra.interceptors),
            pipes=(*self._provided(AppPipe, PipeTransform), *extra.pipes),
            filters=(*extra.filters, *reversed(self._provided(AppFilter, ExceptionFilter))),
        )
        definitions = tuple(
            explore(gateway, application, self._injector.resolve)
            for gateway in self._injector.marked(GATEWAY_OPTIONS)
        )
        self._refuse_doubles(definitions)
        return definitions

    def events(self) -> tuple[EventRoute, ...]:
        """The event table."""
        return tuple(route for definition in self.definitions() for route in definition.routes)

    async def init(self) -> None:
        """Build everything and run the hooks up to ``on_application_bootstrap``; once."""
        if self._initialized:
            return
        self._initialized = True
        definitions = self.definitions()
        self._providers = self._injector.instances()
        self._check_instances()
        self._adapter.bind(definitions)
        for definition in definitions:
            server = self._adapter.server_of(definition)
            await run_hooks("after_init", [definition.instance], server)
        await run_hooks("on_module_init", self._providers)
        await run_hooks("on_application_bootstrap", self._providers)

    async def listen(self, port: int, host: str = "127.0.0.1") -> str:
        """`init`, then accept clients; return the URL. Port 0 takes a free one.

        ``::`` listens on every address, IPv4 ones included, as with Node.

        Raises:
            OSError: The address cannot be listened on: ``socket.gaierror`` when the host has none.
        """
        await self.init()
        http = web.Application(middlewares=[cors_middleware(self._adapter.origins)])
        for controller in self._injector.marked(CONTROLLER_PREFIX):
            http.router.add_routes(routes_of(controller))
        self._adapter.attach(http)
        http.on_response_prepare.append(_hide_software)
        engine = self._adapter.engine
        self._runner = HttpRunner(
            http,
            engine.max_connecting_per_address,
            engine.client_network,
            engine.trusted_proxies,
            access_log=None,
            logger=http_log,
            keepalive_timeout=_HTTP_IDLE_SECONDS,
            auto_decompress=False,  # a small bomb unpacks to what stalls the loop, even unread
            tcp_keepalive=False,  # a dead peer is noticed by the heartbeat, or by the idle time
            shutdown_timeout=_HTTP_SHUTDOWN_SECONDS,
            handle_signals=False,
        )
        await self._runner.setup()
        # asyncio binds "::" to IPv6 alone; without a host it binds every address of both families.
        site = web.TCPSite(self._runner, None if host == _ANY_ADDRESS else host, port)
        await site.start()
        bound_host, bound_port, *_ = self._runner.addresses[0]
        return http_url(bound_host, bound_port)

    async def drain(self) -> None:
        """Run the ``on_drain`` hooks. Everything is still served, until `close`."""
        await run_closing_hooks("on_drain", self._providers[::-1])

    async def close(self, signal: signals.Signals | None = None) -> None:
        """Nest's shutdown sequence. Clients are closed with 1001: they come back by themselves.

        No further event is handled from now on; what is being handled is finished and acked.
        """
        name = None if signal is None else signal.name
        self._adapter.stop_serving()
        await run_closing_hooks("on_module_destroy", self._providers[::-1])
        await run_closing_hooks("before_application_shutdown", self._providers[::-1], name)
        await self._adapter.close()
        if self._runner is not None:
            await self._runner.cleanup()
        await run_closing_hooks("on_application_shutdown", self._providers[::-1], name)
        if name is not None:  # a command that served nobody has nothing to say
            _log.info("stopped", signal=name)

    def _check_used(self, place: str, instances: tuple[Any, ...], needed: type) -> None:
        if self._initialized:
            raise BootError(f"{place} comes too late to have an effect; call it before init")
        checked(instances, needed, f"{place} names")

    def _check_instances(self) -> None:
        """What only an instance shows, as a function may have built it."""
        gateways = self._injector.marked(GATEWAY_OPTIONS)
        controllers = self._injector.marked(CONTROLLER_PREFIX)
        refuse_doubles(route for controller in controllers for route in routes_of(controller))
        guards = (*self._injector.of_kind(AppGuard), *self._globals.guards)
        if controllers and guards:
            raise BootError(
                f"{type(guards[0]).__name__} is a global guard, which would not run before "
                f"{type(controllers[0]).__name__}: guards run for gateways only. Name it in "
                "@use_guards of each gateway; check requests in the controller's methods"
            )
        for gateway in gateways:
            check_hooks(gateway, GATEWAY_HOOKS)
        found = {id(each) for each in (*gateways, *controllers)}
        for provider in self._providers:
            refuse_without_effect(type(provider))
            check_hooks(provider, MODULE_HOOKS)
            if id(provider) not in found:
                refuse_unbound(type(provider), "is not provided by its class")

    def _provided(self, kind: type[providers.Singleton[Any]], needed: type) -> tuple[Any, ...]:
        return checked(self._injector.of_kind(kind), needed, f"{kind.__name__} provides")

    def _refuse_doubles(self, definitions: tuple[GatewayDefinition, ...]) -> None:
        taken: dict[tuple[str, str, str], EventRoute] = {}
        for definition in definitions:
            path = self._adapter.path_of(definition.options)
            for route in definition.routes:
                key = (path, definition.options.namespace, route.pattern)
                if key in taken:
                    raise BootError(
                        f"{route.place}: '{route.pattern}' is handled by {taken[key].place}; "
                        "an event belongs to one gateway of a namespace"
                    )
                taken[key] = route


class NestFactory:
    """Nest's ``NestFactory``."""

    @staticmethod
    def create(module: containers.Container, adapter: IoAdapter) -> NestApplication:
        """An application of this module; nothing runs yet."""
        return NestApplication(module, adapter)


def http_url(host: str, port: int) -> str:
    """Return the URL of a server; an IPv6 address stands in brackets."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


async def _hide_software(_: web.Request, response: web.StreamResponse) -> None:
    """Strangers need not know what runs here, and in which version."""
    response.headers.pop(hdrs.SERVER, None)
