"""Nest's testing module: a module with some of its providers replaced, without a server.

::

    module = (
        Test.create_testing_module(AuthModule)
        .override_provider(TokenVerifier).use_value(verifier)
        .compile()
    )
    client = fake_socket(AuthenticatedSocket, auth={"token": "good"})
    assert await activate(module.get(WsGuard), fake_context(client))
"""

from collections.abc import Callable, Coroutine, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Literal, TypeVar

from dependency_injector import containers, providers

from app.framework.application import NestApplication
from app.framework.context import (
    AckFunction,
    ConnectionContext,
    ExecutionContext,
)
from app.framework.declaration_order import AnyProvider
from app.framework.exceptions import BootError
from app.framework.guards import CanActivate, verdict_of
from app.framework.injector import Injector, constructor_arguments
from app.framework.socket import Handshake, Socket
from app.framework.transport.io_adapter import IoAdapter, IoOptions

T = TypeVar("T")
SocketType = TypeVar("SocketType", bound=Socket)

_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


class Test:
    """Nest's ``Test``."""

    __test__ = False

    @staticmethod
    def create_testing_module(
        module: type[containers.DeclarativeContainer] | containers.Container, **imports: Any
    ) -> "TestingModuleBuilder":
        """Start from a module's class, or an instance; ``imports`` fill what it depends on."""
        if isinstance(module, type):
            return TestingModuleBuilder(module(**imports))
        return TestingModuleBuilder(module)


class TestingModuleBuilder:
    """Collects overrides; they take effect in `compile`, the last of each wins."""

    __test__ = False

    def __init__(self, container: containers.Container) -> None:
        self._container = container
        self._overrides: dict[type, Callable[[Injector], AnyProvider]] = {}

    def override_provider(self, token: type) -> "Override":
        """Replace the provider of a class or a port, wherever it is used, decorators included."""
        return Override(self, token)

    def override_guard(self, token: type) -> "Override":
        """As `override_provider`: a guard is a provider here, global ones too."""
        return Override(self, token)

    def override_pipe(self, token: type) -> "Override":
        """As `override_provider`."""
        return Override(self, token)

    def override_interceptor(self, token: type) -> "Override":
        """As `override_provider`."""
        return Override(self, token)

    def override_filter(self, token: type) -> "Override":
        """As `override_provider`."""
        return Override(self, token)

    def compile(self) -> "TestingModule":
        """Apply the overrides. Builds nothing yet, runs no hook and no server.

        Raises:
            BootError: An overridden class is no provider of the module.
        """
        injector = Injector(self._container)
        for token, replacement in self._overrides.items():
            found = injector.find(token)
            if not found:
                raise BootError(
                    f"{token.__name__} cannot be overridden: "
                    "no module that is tested here provides it"
                )
            for provider in found:
                provider.override(replacement(injector))
        self._container.reset_singletons()
        return TestingModule(self._container)

    def add(
        self, token: type, replacement: Callable[[Injector], AnyProvider]
    ) -> "TestingModuleBuilder":
        """Remember an override; `Override` calls this."""
        self._overrides[token] = replacement
        return self


class Override:
    """What stands in for a provider."""

    def __init__(self, builder: TestingModuleBuilder, token: type) -> None:
        self._builder = builder
        self._token = token

    def use_value(self, value: object) -> TestingModuleBuilder:
        """This very object."""
        return self._builder.add(self._token, lambda _: providers.Object(value))

    def use_class(self, cls: type) -> TestingModuleBuilder:
        """One instance of this class; its constructor's parameters are resolved by their types."""
        return self._builder.add(
            self._token,
            lambda injector: providers.Singleton(cls, **constructor_arguments(cls, injector)),
        )

    def use_factory(
        self, factory: Callable[..., object], inject: Iterable[type] = ()
    ) -> TestingModuleBuilder:
        """What ``factory(*inject)`` gives, called once; ``inject`` names classes of providers."""
        return self._builder.add(
            self._token,
            lambda injector: providers.Singleton(
                factory, *(injector.provider_of(each) for each in inject)
            ),
        )


class TestingModule:
    """A compiled module: singletons on demand."""

    __test__ = False

    def __init__(self, container: containers.Container) -> None:
        self._container = container

    def get(self, token: type[T]) -> T:
        """The instance of a class; only what it needs is built."""
        return Injector(self._container).get(token)

    def create_nest_application(self, options: IoOptions | None = None) -> NestApplication:
        """An application of this module, for tests with real clients: ``await app.listen(0)``."""
        return NestApplication(self._container, IoAdapter(options or IoOptions()))


class RecordingLink:
    """The transport's end of a fake socket: keeps what happens to it.

    Attributes:
        emitted: ``(event, args)`` in order.
        broadcasts: ``(rooms, except_rooms, event, args)`` in order.
        volatile: The events among them that were not meant for who does not read.
        holds: The seconds of each `Socket.hold`.
        present: The sockets there are, by the links of whose rooms `sockets` finds them.
        refusal: ``(message, data)`` of `Socket.refuse`.
        transport_closed: ``answered`` or ``unanswered`` after `Socket.close_transport`.
    """

    def __init__(self) -> None:
        self.connected = True
        self.answers_pings = True
        self.joined: set[str] = set()
        self.emitted: list[tuple[str, tuple[Any, ...]]] = []
        self.broadcasts: list[tuple[frozenset[str], frozenset[str], str, tuple[Any, ...]]] = []
        self.volatile: list[str] = []
        self.holds: list[float] = []
        self.present: list[Socket] = []
        self.refusal: tuple[str, Any] | None = None
        self.transport_closed: Literal["answered", "unanswered"] | None = None

    @property
    def rooms(self) -> frozenset[str]:
        """What was joined and not left."""
        return frozenset(self.joined)

    def emit(self, event: str, args: tuple[Any, ...]) -> None:
        """Keep it."""
        self.emitted.append((event, args))

    def run_aside(self, work: Coroutine[Any, Any, None]) -> bool:  # noqa: ARG002 - never begun
        """Not here: who asks runs it at once, and a test sees its end."""
        return False

    async def hold(self, seconds: float) -> None:
        """Keep it; nothing is waited for."""
        self.holds.append(seconds)

    def join(self, rooms: Iterable[str]) -> None:
        """Keep it."""
        self.joined.update(rooms)

    def leave(self, room: str) -> None:
        """Forget it."""
        self.joined.discard(room)

    def disconnect(self, *, close: bool) -> None:  # noqa: ARG002 - both ways end it
        """No longer connected."""
        self.connected = False
        self.joined.clear()

    def refuse(self, message: str, data: Any) -> None:
        """Keep it; no longer connected."""
        self.refusal = (message, data)
        self.disconnect(close=True)

    def close_transport(self, *, answer_connect: bool) -> None:
        """Keep how; no longer connected."""
        self.transport_closed = "answered" if answer_connect else "unanswered"
        self.disconnect(close=True)

    def broadcast(
        self,
        rooms: frozenset[str],
        except_rooms: frozenset[str],
        event: str,
        args: tuple[Any, ...],
        *,
        volatile: bool = False,
    ) -> None:
        """Keep it."""
        if volatile:
            self.volatile.append(event)
        self.broadcasts.append((rooms, except_rooms, event, args))

    def sockets(self, rooms: frozenset[str], except_rooms: frozenset[str]) -> tuple[Socket, ...]:
        """Those present, by the rooms they have joined."""
        return tuple(
            each
            for each in self.present
            if not (rooms and rooms.isdisjoint(each.rooms)) and except_rooms.isdisjoint(each.rooms)
        )


def fake_socket(
    socket_class: type[SocketType],
    *,
    auth: Mapping[str, Any] | None = None,
    link: RecordingLink | None = None,
    socket_id: str = "socket-1",
    address: str = "127.0.0.1",
) -> SocketType:
    """A socket of the application's class without a connection; ``link`` is for looking at it."""
    handshake = Handshake(auth=auth or {}, headers={}, query={}, address=address, issued=_EPOCH)
    return socket_class(socket_id, handshake, link or RecordingLink())


def fake_context(
    client: Socket,
    data: Any = None,
    *,
    pattern: str = "event",
    ack: AckFunction | None = None,
    handler: Callable[..., Any] = fake_socket,
    gateway: type = object,
) -> ExecutionContext:
    """An `ExecutionContext` in one line: ``fake_context(fake_socket(Socket, auth={...}))``.

    With an ``ack``, such as a list's ``append``, the client waits for an answer; the marks of
    ``handler`` and ``gateway`` are what a `Reflector` reads.
    """
    return ExecutionContext(client, data, ack, pattern, gateway, handler)


async def activate(guard: CanActivate, context: ExecutionContext) -> bool:
    """The guard's verdict, as the pipeline asks for it: given at once, or waited for."""
    return await verdict_of(guard.can_activate, guard.can_activate(context))


def fake_connection(client: Socket) -> ConnectionContext:
    """What guards and filters get while the socket is being admitted, in one line."""
    return ConnectionContext(client, object, fake_connection)
