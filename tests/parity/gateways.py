"""The application of gateways.ts in Python: the same gateways and handlers, in the same order."""

import asyncio
import math
import re
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, NoReturn

from dependency_injector import containers, providers

from app.framework import (
    Ack,
    AckTimeoutError,
    ArgumentMetadata,
    BaseWsExceptionFilter,
    CallHandler,
    CanActivate,
    ConnectedSocket,
    DefaultValuePipe,
    ExecutionContext,
    MessageBody,
    NestApplication,
    NestFactory,
    NestInterceptor,
    ParseIntPipe,
    PipeTransform,
    Reflector,
    Server,
    Socket,
    WebSocketServer,
    WsException,
    WsResponse,
    catch,
    create_param_decorator,
    set_metadata,
    subscribe_message,
    use_filters,
    use_guards,
    use_interceptors,
    use_pipes,
    web_socket_gateway,
)

AckFunction = Callable[..., Any]


class FencedGateway:
    @subscribe_message("fence")
    def fence(self) -> bool:
        return True


@web_socket_gateway()
class RoomsGateway(FencedGateway):
    server = WebSocketServer()

    @subscribe_message("clients")
    def clients(self) -> int:
        return self.server.engine.clients_count

    @subscribe_message("join")
    async def join(self, client: Socket, rooms: Any) -> list[str]:
        await client.join(rooms)
        client.data["joined"] = rooms
        return [*client.rooms]

    @subscribe_message("leave")
    async def leave(self, client: Socket, room: str) -> list[str]:
        await client.leave(room)
        return [*client.rooms]

    @subscribe_message("client.emit")
    def emit_to_client(self, client: Socket, args: list[Any]) -> None:
        client.emit("told", *args)

    @subscribe_message("client.to")
    def client_to(self, client: Socket, rooms: Any) -> None:
        client.to(rooms).emit("told", "client.to", rooms)

    @subscribe_message("client.in")
    def client_in(self, client: Socket, rooms: Any) -> None:
        client.in_(rooms).emit("told", "client.in", rooms)

    @subscribe_message("client.except")
    def client_except(self, client: Socket, rooms: Any) -> None:
        client.except_(rooms).emit("told", "client.except", rooms)

    @subscribe_message("client.to.except")
    def client_to_except(self, client: Socket, rooms: list[str]) -> None:
        room, other = rooms
        client.to(room).except_(other).emit("told", "client.to.except")

    @subscribe_message("client.broadcast")
    def client_broadcast(self, client: Socket) -> None:
        client.broadcast.emit("told", "client.broadcast")

    @subscribe_message("client.broadcast.to")
    def client_broadcast_to(self, client: Socket, rooms: Any) -> None:
        client.broadcast.to(rooms).emit("told", "client.broadcast.to", rooms)

    @subscribe_message("client.volatile")
    def client_volatile(self, client: Socket) -> None:
        client.volatile.emit("told", "client.volatile")

    @subscribe_message("server.to")
    def server_to(self, _: Socket, rooms: Any) -> None:
        self.server.to(rooms).emit("told", "server.to", rooms)

    @subscribe_message("server.to.to")
    def server_to_to(self, _: Socket, rooms: list[str]) -> None:
        room, other = rooms
        self.server.to(room).to(other).emit("told", "server.to.to")

    @subscribe_message("server.in")
    def server_in(self, _: Socket, rooms: Any) -> None:
        self.server.in_(rooms).emit("told", "server.in", rooms)

    @subscribe_message("server.except")
    def server_except(self, _: Socket, rooms: Any) -> None:
        self.server.except_(rooms).emit("told", "server.except", rooms)

    @subscribe_message("server.to.except")
    def server_to_except(self, _: Socket, rooms: list[str]) -> None:
        room, other = rooms
        self.server.to(room).except_(other).emit("told", "server.to.except")

    @subscribe_message("server.emit")
    def server_emit(self) -> None:
        self.server.emit("told", "server.emit")

    @subscribe_message("server.volatile")
    def server_volatile(self, _: Socket, room: str) -> None:
        self.server.to(room).volatile.emit("told", "server.volatile")

    @subscribe_message("server.local")
    def server_local(self) -> None:
        self.server.local.emit("told", "server.local")

    @subscribe_message("server.of")
    def server_of(self, _: Socket, namespace: str) -> None:
        self.server.of(namespace).emit("told", "server.of")

    @subscribe_message("fetchSockets")
    async def fetch_sockets(self, _: Socket, room: str) -> list[Any]:
        sockets = await self.server.in_(room).fetch_sockets()
        return [
            [each.handshake.auth["name"], each.id, [*each.rooms], each.data] for each in sockets
        ]

    @subscribe_message("fetchSockets, then each")
    async def fetch_each(self, _: Socket, rooms: list[str]) -> None:
        room, other = rooms
        for each in await self.server.in_(room).fetch_sockets():
            each.join(other)
            each.emit("told", "one of them")
            each.leave(room)
            if each.data["joined"] == "red":
                each.disconnect()

    @subscribe_message("socketsJoin")
    def sockets_join(self, _: Socket, moved: list[Any]) -> None:
        room, rooms = moved
        self.server.in_(room).sockets_join(rooms)

    @subscribe_message("socketsLeave")
    def sockets_leave(self, _: Socket, moved: list[Any]) -> None:
        room, rooms = moved
        self.server.in_(room).sockets_leave(rooms)

    @subscribe_message("disconnectSockets")
    def disconnect_sockets(self, _: Socket, ended: list[Any]) -> None:
        room, close = ended
        self.server.in_(room).disconnect_sockets(close)

    @subscribe_message("disconnect me")
    def disconnect_me(self, client: Socket, close: bool) -> None:
        client.disconnect(close)
        client.emit("told", "too late")
        self.server.emit("told", [client.connected, len(client.rooms)])

    @subscribe_message("lists")
    def lists(self, client: Socket, room: str) -> dict[str, Any]:
        return {
            "sockets": len(self.server.sockets),
            "isListed": client.id in self.server.sockets,
            "room": [*self.server.adapter.rooms.get(room, ())],
            "sids": [*self.server.adapter.sids.get(client.id, ())],
            "connections": self.server.engine.clients_count,
            "connected": client.connected,
            "namespace": client.nsp.name,
        }


@web_socket_gateway(namespace="acks")
class AcksGateway(FencedGateway):
    server = WebSocketServer()

    @subscribe_message("ask me")
    async def ask_me(self, client: Socket, question: Any) -> list[Any]:
        return ["answered", await client.emit_with_ack("question", question, timeout_seconds=5)]

    @subscribe_message("ask me in vain")
    async def ask_me_in_vain(self, client: Socket) -> Any:
        try:
            return await client.emit_with_ack("unanswered", timeout_seconds=0.02)
        except TimeoutError:
            return "in vain"

    @subscribe_message("ask all")
    async def ask_all(self, _: Socket, question: Any) -> list[Any]:
        return await self.server.emit_with_ack("question", question, timeout_seconds=5)

    @subscribe_message("ask a room")
    async def ask_room(self, client: Socket, question: Any) -> list[Any]:
        client.join("askers")
        return await self.server.to("askers").emit_with_ack("question", question, timeout_seconds=5)

    @subscribe_message("ask nobody")
    async def ask_nobody(self) -> list[Any]:
        return await self.server.to("nobody").emit_with_ack("question", timeout_seconds=5)

    @subscribe_message("ask all in vain")
    async def ask_all_in_vain(self, _: Socket, question: Any) -> list[Any]:
        try:
            return await self.server.emit_with_ack(
                "question unless two", question, timeout_seconds=1.5
            )
        except AckTimeoutError as error:
            return ["in vain", error.responses]

    @subscribe_message("by hand")
    def by_hand(
        self, data: Annotated[Any, MessageBody()], ack: Annotated[AckFunction, Ack()]
    ) -> str:
        ack(data, "second")
        ack("again")
        return "dropped"

    @subscribe_message("unmarked ack")
    def unmarked_ack(self, _: Socket, data: Any, ack: AckFunction | None) -> str:
        if ack:
            ack(data)
        return "dropped"

    @subscribe_message("never acked")
    def never_acked(
        self, client: Annotated[Socket, ConnectedSocket()], ack: Annotated[Any, Ack()]
    ) -> str:
        client.emit("told", bool(ack))
        return "dropped"


@web_socket_gateway(namespace="listeners")
class ListenersGateway(FencedGateway):
    server = WebSocketServer()

    def handle_connection(self, client: Socket) -> None:
        client.on("listened", lambda data, ack: ack(["listener", data]))
        client.once("listened once", lambda data: client.emit("told", data))
        client.on("handled, too", lambda data: client.emit("told", "the listener", data))
        client.on("disconnecting", lambda reason: self.tell(client, "disconnecting", reason))
        client.on("disconnect", lambda reason: self.tell(client, "disconnect", reason))

    def handle_disconnect(self, client: Socket, reason: str) -> None:
        if client.handshake.auth.get("hooks"):
            self.tell(client, "handleDisconnect", reason)

    def tell(self, client: Socket, event: str, reason: str) -> None:
        client.broadcast.emit("told", event, reason, [*client.rooms], client.connected)

    @subscribe_message("handled, too")
    def handled(self, client: Socket, data: Any) -> None:
        client.emit("told", "the gateway", data)

    @subscribe_message("on and off")
    def on_and_off(self, client: Socket) -> None:
        def listener() -> None:
            client.emit("told", "removed listener")

        client.on("removed", listener)
        client.on("removed", lambda: client.emit("told", "other listener"))
        client.off("removed", listener)

    @subscribe_message("join")
    def join(self, client: Socket, room: str) -> None:
        client.join(room)

    @subscribe_message("leave")
    def leave(self, client: Socket, close: bool) -> None:
        client.disconnect(close)


@web_socket_gateway(namespace="lobby")
class LobbyGateway(FencedGateway):
    server = WebSocketServer()

    async def handle_connection(self, client: Socket) -> None:
        client.emit("told", "before join", client.connected, [*client.rooms])
        await client.join("lobby")
        self.server.to("lobby").emit("told", "lobby", client.handshake.auth["name"])
        self.server.emit("told", "everybody", client.handshake.auth["name"])
        client.broadcast.emit("told", "others", client.handshake.auth["name"])
        client.to("lobby").emit("told", "others in the lobby", client.handshake.auth["name"])
        if client.handshake.auth.get("leaves"):
            client.disconnect()

    def handle_disconnect(self, client: Socket, reason: str) -> None:
        name = client.handshake.auth["name"]
        self.server.emit("told", "left", name, reason, len(client.rooms))

    @subscribe_message("handshake")
    def handshake(self, client: Socket) -> dict[str, Any]:
        handshake = client.handshake
        names = ("auth", "query", "address", "time", "url", "secure", "xdomain")
        headers = {name: handshake.headers.get(name) for name in ("host", "connection", "upgrade")}
        if "x-test" in handshake.headers:
            headers["header"] = handshake.headers["x-test"]
        return {
            **{name: getattr(handshake, name) for name in names},
            "issued": abs(handshake.issued.timestamp() - time.time()) < 60,
            "headers": headers,
            "names": sorted(handshake.headers),
        }


@web_socket_gateway(namespace="/admin")
class AdminGateway(FencedGateway):
    server = WebSocketServer()

    def __init__(self) -> None:
        self.calls: list[Any] = []

    def after_init(self, server: Server) -> None:
        server.use(lambda client: self.calls.append(client.handshake.auth.get("key")))

        async def check(client: Socket) -> None:
            await client.join("checked")
            client.data["key"] = client.handshake.auth.get("key")

        def refuse(client: Socket) -> None:
            if client.data["key"] != "sesame":
                raise WsException("no key", code="no_key")

        server.use(check)
        server.use(refuse)

    def handle_connection(self, client: Socket) -> None:
        client.emit("told", client.data["key"], [*client.rooms])

    def handle_disconnect(self, client: Socket) -> None:
        self.calls.append(f"{client.handshake.auth['name']} left")

    @subscribe_message("calls")
    def called(self) -> list[Any]:
        calls, self.calls = self.calls, []
        return calls

    @subscribe_message("elsewhere")
    def elsewhere(self, client: Socket) -> None:
        client.nsp.of("/").emit("told", client.nsp.name)

    @subscribe_message("disconnect me")
    def disconnect_me(self, client: Socket, close: bool) -> None:
        client.disconnect(close)


def _refuse_banned(client: Socket) -> None:
    if client.handshake.auth.get("banned"):
        raise WsException("banned")


@web_socket_gateway(namespace=re.compile(r"/team-\d+"))
class TeamsGateway(FencedGateway):
    server = WebSocketServer()

    def after_init(self, server: Server) -> None:
        server.use(_refuse_banned)

    def handle_connection(self, client: Socket) -> None:
        client.nsp.emit("told", "welcome to", client.nsp.name)

    @subscribe_message("team")
    def team(self, client: Socket) -> list[Any]:
        client.nsp.emit("told", "the team", client.nsp.name)
        return [client.nsp.name, len(client.nsp.sockets)]

    @subscribe_message("all teams")
    def all_teams(self) -> None:
        self.server.emit("told", "all teams")

    @subscribe_message("join")
    def join(self, client: Socket) -> None:
        client.join("room")

    @subscribe_message("room")
    def room(self, client: Socket) -> None:
        client.nsp.to("room").emit("told", "the room")


@web_socket_gateway(namespace=re.compile("part"))
class PartGateway(FencedGateway):
    pass


def is_fence(context: ExecutionContext) -> bool:
    return context.switch_to_ws().get_pattern() == "fence"


class KeyGuard(CanActivate):
    def can_activate(self, context: ExecutionContext) -> bool:
        client: Socket = context.switch_to_ws().get_client()
        return is_fence(context) or client.handshake.auth.get("key") == "sesame"


@web_socket_gateway(namespace="guarded")
@use_guards(KeyGuard())
class GuardedGateway(FencedGateway):
    def handle_connection(self, client: Socket) -> None:
        client.emit("told", "welcome")

    @subscribe_message("enter")
    def enter(self) -> str:
        return "entered"


class Ev(StrEnum):
    ENUM = "named by an enum"
    OTHER = "other"


@dataclass
class Point:
    x: int
    y: int


@dataclass
class Moved:
    event: Any
    data: Any


async def _each(*values: Any) -> AsyncIterator[Any]:
    for value in values:
        yield value


class TeapotException(WsException):
    def __init__(self) -> None:
        super().__init__({"status": "teapot", "message": "short and stout"})


@web_socket_gateway(namespace="results")
class ResultsGateway(FencedGateway):
    @subscribe_message(Ev.ENUM)
    def named(self) -> dict[str, Any]:
        return {"event": Ev.OTHER, "data": Ev.ENUM}

    @subscribe_message("echo")
    def echo(self, _: Socket, data: Any) -> Any:
        return data

    @subscribe_message("async echo")
    async def async_echo(self, _: Socket, data: Any) -> Any:
        return data

    @subscribe_message("body")
    def body(self, data: Annotated[Any, MessageBody()]) -> list[Any]:
        return ["body", data]

    @subscribe_message("field")
    def field(self, value: Annotated[Any, MessageBody("a.b")]) -> list[Any]:
        return ["field", value]

    @subscribe_message("default")
    def by_default(self, data: Annotated[Any, MessageBody()] = "default") -> Any:
        return data

    @subscribe_message("default of a field")
    def field_by_default(self, x: Annotated[Any, MessageBody("x")] = "default") -> list[Any]:
        return [x]

    @subscribe_message("default of a pipe")
    def pipe_default(self, x: Annotated[Any, MessageBody("x", DefaultValuePipe(5))]) -> list[Any]:
        return [x]

    @subscribe_message("socket")
    def socket(
        self, data: Annotated[Any, MessageBody()], client: Annotated[Socket, ConnectedSocket()]
    ) -> list[Any]:
        return [data, client.id]

    @subscribe_message("nothing")
    def nothing(self) -> None:
        pass

    @subscribe_message("object")
    def point(self) -> Point:
        return Point(1, 2)

    @subscribe_message("object with event")
    def moved(self, _: Socket, event: Any) -> Moved:
        return Moved(event, Point(1, 2))

    @subscribe_message("event without data")
    def without_data(self) -> dict[str, Any]:
        return {"event": "empty"}

    @subscribe_message("response")
    def response(self) -> WsResponse[list[int]]:
        return WsResponse("response", [1, 2])

    @subscribe_message("date")
    def date(self) -> dict[str, Any]:
        return {"at": datetime.fromtimestamp(0, UTC)}

    @subscribe_message("set")
    def set(self) -> Any:
        return {1}

    @subscribe_message("not a number")
    def not_a_number(self) -> list[float]:
        return [math.nan, math.inf]

    @subscribe_message("return an error")
    def return_error(self) -> WsException:
        return WsException("no")

    @subscribe_message("throw")
    def throw(self) -> NoReturn:
        raise WsException("no")

    @subscribe_message("throw an object")
    def throw_object(self) -> NoReturn:
        raise WsException({"reason": "no"})

    @subscribe_message("throw later")
    async def throw_later(self) -> NoReturn:
        await asyncio.sleep(0)
        raise WsException("later")

    @subscribe_message("ack, then throw")
    def ack_then_throw(self, _: Socket, data: Any, ack: AckFunction) -> NoReturn:
        ack(data)
        raise WsException("late")

    @subscribe_message("throw unknown")
    def throw_unknown(self) -> NoReturn:
        raise ValueError("secret")

    @subscribe_message("throw a subclass")
    def throw_subclass(self) -> NoReturn:
        raise TeapotException

    @subscribe_message("stream")
    async def stream(self) -> AsyncIterator[int]:
        for number in (1, 2, 3):
            yield number

    @subscribe_message("stream of events")
    async def events(self) -> AsyncIterator[dict[str, Any]]:
        for data in (1, 2):
            yield {"event": "item", "data": data}

    @subscribe_message("stream of both")
    async def both(self) -> AsyncIterator[Any]:
        for value in ({"event": "item", "data": 1}, "the ack", {"event": "item", "data": 2}):
            yield value

    @subscribe_message("failing stream")
    async def failing(self) -> AsyncIterator[int]:
        yield 1
        raise WsException("late")

    @subscribe_message("failing at once")
    async def failing_at_once(self) -> AsyncIterator[int]:
        raise WsException("early")
        yield 1

    @subscribe_message("stream of a promise")
    async def later(self) -> AsyncIterator[int]:
        return _each(1, 2)

    @subscribe_message("stream with null")
    def with_null(self) -> AsyncIterator[Any]:
        return _each(None, 2)

    @subscribe_message("empty stream")
    def empty(self) -> AsyncIterator[Any]:
        return _each()


def traced(client: Socket, word: str) -> None:
    client.data.setdefault("trace", []).append(word)


class TraceGuard(CanActivate):
    def __init__(self, name: str) -> None:
        self.name = name

    def can_activate(self, context: ExecutionContext) -> bool:
        if not (context.is_connection or is_fence(context)):
            traced(context.switch_to_ws().get_client(), f"guard {self.name}")
        return True


class TraceInterceptor(NestInterceptor):
    def __init__(self, name: str) -> None:
        self.name = name

    async def intercept(self, context: ExecutionContext, call_handler: CallHandler) -> Any:
        client = context.switch_to_ws().get_client()
        if not is_fence(context):
            traced(client, f"before {self.name}")
        result = await call_handler.handle()
        if not is_fence(context):
            traced(client, f"after {self.name}")
        return result


class TracePipe(PipeTransform):
    def __init__(self, name: str) -> None:
        self.name = name

    def transform(self, value: Any, metadata: ArgumentMetadata) -> Any:
        is_traced = isinstance(value, list) and value[:1] == ["traced"]
        return [*value, f"{metadata.type} {self.name}"] if is_traced else value


class RoleGuard(CanActivate):
    reflector = Reflector()

    def can_activate(self, context: ExecutionContext) -> bool:
        targets = [context.get_handler(), context.get_class()]
        role = self.reflector.get_all_and_override("role", targets)
        client: Socket = context.switch_to_ws().get_client()
        return bool(role == client.handshake.auth.get("role"))


class ThrowingGuard(CanActivate):
    def can_activate(self, _: ExecutionContext) -> bool:
        raise WsException("not you")


class AsyncGuard(CanActivate):
    async def can_activate(self, context: ExecutionContext) -> bool:
        await asyncio.sleep(0)
        return bool(context.switch_to_ws().get_data() == "sesame")


class ContextInterceptor(NestInterceptor):
    def intercept(self, context: ExecutionContext, call_handler: CallHandler) -> Any:
        host = context.switch_to_ws()
        client, data, ack, pattern = context.get_args()
        return [
            *(context.get_type(), context.get_class().__name__, context.get_handler().__name__),
            *(host.get_pattern(), pattern, host.get_data(), data, host.get_client() is client),
            bool(ack),
        ]


class TruthGuard(CanActivate):
    def can_activate(self, context: ExecutionContext) -> Any:
        return context.switch_to_ws().get_data()


class ThrowingPipe(PipeTransform):
    def transform(self, value: Any, metadata: ArgumentMetadata) -> Any:
        raise WsException("from a pipe")


class ThrowingInterceptor(NestInterceptor):
    def intercept(self, _: ExecutionContext, call_handler: CallHandler) -> NoReturn:
        raise WsException("from an interceptor")


class BrokenGuard(CanActivate):
    def can_activate(self, _: ExecutionContext) -> bool:
        raise ValueError("from a guard")


class RescueInterceptor(NestInterceptor):
    async def intercept(self, _: ExecutionContext, call_handler: CallHandler) -> Any:
        try:
            return await call_handler.handle()
        except ValueError:
            return "rescued"


class CacheInterceptor(NestInterceptor):
    def intercept(self, _: ExecutionContext, call_handler: CallHandler) -> Any:
        return "cached"


class WrapInterceptor(NestInterceptor):
    async def intercept(self, _: ExecutionContext, call_handler: CallHandler) -> Any:
        result = await call_handler.handle()
        if isinstance(result, AsyncIterator):
            return ({"wrapped": value} async for value in result)
        return {"wrapped": result}


class CatNotFound(Exception):
    pass


@catch(CatNotFound)
class CatFilter(BaseWsExceptionFilter):
    def catch(self, _: CatNotFound, host: ExecutionContext) -> None:
        super().catch(WsException("no such cat"), host)


@catch()
class AnyFilter:
    def catch(self, exception: Exception, host: ExecutionContext) -> None:
        client: Socket = host.switch_to_ws().get_client()
        client.emit("caught", str(exception), host.switch_to_ws().get_data())


@catch(WsException)
class NamedFilter:
    def __init__(self, name: str) -> None:
        self.name = name

    def catch(self, exception: WsException, host: ExecutionContext) -> None:
        host.switch_to_ws().get_client().emit("caught", self.name, exception.get_error())


@catch()
class BrokenFilter:
    def catch(self, exception: Exception, host: ExecutionContext) -> None:
        raise ValueError("from a filter")


Name = create_param_decorator(
    lambda field, context: context.switch_to_ws().get_client().handshake.auth.get(field)
)


def _throw(*_: object) -> NoReturn:
    raise WsException("from a decorator")


Throws = create_param_decorator(_throw)


@web_socket_gateway(namespace="pipeline")
@set_metadata("role", "reader")
@use_guards(TraceGuard("class 1"), TraceGuard("class 2"))
@use_interceptors(TraceInterceptor("class"))
@use_pipes(TracePipe("class"))
@use_filters(AnyFilter())
class PipelineGateway(FencedGateway):
    @subscribe_message("trace")
    @use_guards(TraceGuard("method"))
    @use_interceptors(TraceInterceptor("method 1"), TraceInterceptor("method 2"))
    @use_pipes(TracePipe("method 1"), TracePipe("method 2"))
    def trace(
        self,
        client: Annotated[Socket, ConnectedSocket()],
        data: Annotated[Any, MessageBody(TracePipe("argument"))],
    ) -> Any:
        traced(client, "handler")
        return data

    @subscribe_message("traced")
    def traced(self, client: Socket) -> Any:
        return client.data.pop("trace")

    @subscribe_message("for readers")
    @use_guards(RoleGuard())
    def for_readers(self) -> str:
        return "read"

    @subscribe_message("for writers")
    @set_metadata("role", "writer")
    @use_guards(RoleGuard())
    def for_writers(self) -> str:
        return "written"

    @subscribe_message("for nobody")
    @use_guards(ThrowingGuard())
    def for_nobody(self) -> str:
        return "never"

    @subscribe_message("password")
    @use_guards(AsyncGuard())
    def password(self) -> str:
        return "opened"

    @subscribe_message("truth")
    @use_guards(TruthGuard(), TraceGuard("second"))
    def truth(self, client: Socket) -> Any:
        return client.data.pop("trace")

    @subscribe_message("throwing pipe")
    def throwing_pipe(self, _: Annotated[Any, MessageBody(ThrowingPipe())]) -> str:
        return "never"

    @subscribe_message("throwing decorator")
    def throwing_decorator(self, _: Annotated[Any, Throws()]) -> str:
        return "never"

    @subscribe_message("throwing interceptor")
    @use_interceptors(ThrowingInterceptor())
    def throwing_interceptor(self) -> str:
        return "never"

    @subscribe_message("broken guard")
    @use_guards(BrokenGuard())
    def broken_guard(self) -> str:
        return "never"

    @subscribe_message("context")
    @use_interceptors(ContextInterceptor())
    def context(self) -> None:
        pass

    @subscribe_message("rescue")
    @use_interceptors(RescueInterceptor())
    def rescue(self) -> NoReturn:
        raise ValueError("secret")

    @subscribe_message("cache")
    @use_interceptors(CacheInterceptor())
    def cache(self) -> str:
        return "never"

    @subscribe_message("wrap")
    @use_interceptors(WrapInterceptor())
    def wrap(self) -> int:
        return 1

    @subscribe_message("wrap a stream")
    @use_interceptors(WrapInterceptor())
    async def wrap_stream(self) -> AsyncIterator[int]:
        for number in (1, 2):
            yield number

    @subscribe_message("cat")
    @use_filters(CatFilter())
    def cat(self) -> NoReturn:
        raise CatNotFound

    @subscribe_message("dog")
    @use_filters(CatFilter())
    def dog(self) -> NoReturn:
        raise ValueError("no such dog")

    @subscribe_message("two filters")
    @use_filters(NamedFilter("1"), NamedFilter("2"))
    def two_filters(self) -> NoReturn:
        raise WsException("which?")

    @subscribe_message("another error")
    @use_filters(NamedFilter("of WsException"))
    def another_error(self) -> NoReturn:
        raise ValueError("not for this filter")

    @subscribe_message("broken filter")
    @use_filters(BrokenFilter())
    def broken_filter(self) -> NoReturn:
        raise WsException("lost")

    @subscribe_message("no cause")
    @use_filters(BaseWsExceptionFilter(include_cause=False))
    def no_cause(self) -> NoReturn:
        raise WsException("no cause")

    @subscribe_message("number")
    def number(self, n: Annotated[int, MessageBody("n", ParseIntPipe)]) -> dict[str, int]:
        return {"n": n}

    @subscribe_message("name")
    def name(self, name: Annotated[str, Name("name")]) -> dict[str, str]:
        return {"name": name}

    @subscribe_message("piped name")
    def piped_name(self, names: Annotated[Any, Name("names", TracePipe("argument"))]) -> Any:
        return names


@web_socket_gateway(namespace="hooks")
class HooksGateway(FencedGateway):
    server = WebSocketServer()

    def __init__(self) -> None:
        self.calls: list[Any] = []
        self.latches: set[str] = set()

    def after_init(self, server: Server) -> None:
        self.calls.append(["afterInit", server == self.server])

    def on_module_init(self) -> None:
        self.calls.append("onModuleInit")

    def on_application_bootstrap(self) -> None:
        self.calls.append("onApplicationBootstrap")

    async def handle_connection(self, client: Socket) -> None:
        client.emit("told", "handleConnection begins")
        await self.released(client.handshake.auth.get("waits"))
        client.emit("told", "handleConnection ends")

    async def released(self, latch: str | None) -> None:
        while latch and latch not in self.latches:  # noqa: ASYNC110 - as in gateways.ts
            await asyncio.sleep(0.001)

    @subscribe_message("release")
    def release(self, _: Socket, latch: str) -> None:
        self.latches.add(latch)

    @subscribe_message("calls")
    def called(self) -> list[Any]:
        return self.calls

    @subscribe_message("slow")
    async def slow(self, client: Socket, number: int) -> None:
        client.emit("told", "slow begins", number)
        await self.released("slow")
        client.emit("told", "slow ends", number)

    @subscribe_message("told early")
    def early(self, client: Socket, data: Any) -> None:
        client.emit("told", "handled", data)


@web_socket_gateway(namespace="shared")
class FirstGateway(FencedGateway):
    def handle_connection(self, client: Socket) -> None:
        client.emit("told", "first")

    @subscribe_message("first")
    def first(self) -> str:
        return "first"


@web_socket_gateway(namespace="shared")
class SecondGateway:
    server = WebSocketServer()

    def handle_connection(self, client: Socket) -> None:
        client.emit("told", "second")

    def handle_disconnect(self, client: Socket) -> None:
        self.server.emit("told", "second saw", client.id, "leave")

    @subscribe_message("second")
    def second(self) -> str:
        return "second"


@web_socket_gateway(path="/binary", max_attachments=10)
class BinaryGateway(FencedGateway):
    @subscribe_message("echo")
    def echo(self, _: Socket, data: Any) -> Any:
        return data

    @subscribe_message("bytes")
    def bytes(self, client: Socket) -> None:
        client.emit("told", b"bytes", 1)

    @subscribe_message("bytes of an object")
    def object(self) -> dict[str, Any]:
        return {"event": "told", "data": {"bytes": b"\x00\xff"}}

    @subscribe_message("ask me")
    async def ask_me(self, client: Socket) -> Any:
        return await client.emit_with_ack("question", b"?", timeout_seconds=5)


class AppModule(containers.DeclarativeContainer):
    rooms = providers.Singleton(RoomsGateway)
    acks = providers.Singleton(AcksGateway)
    listeners = providers.Singleton(ListenersGateway)
    lobby = providers.Singleton(LobbyGateway)
    admin = providers.Singleton(AdminGateway)
    teams = providers.Singleton(TeamsGateway)
    part = providers.Singleton(PartGateway)
    guarded = providers.Singleton(GuardedGateway)
    results = providers.Singleton(ResultsGateway)
    pipeline = providers.Singleton(PipelineGateway)
    hooks = providers.Singleton(HooksGateway)
    first = providers.Singleton(FirstGateway)
    second = providers.Singleton(SecondGateway)
    binary = providers.Singleton(BinaryGateway)


def create_application() -> NestApplication:
    app = NestFactory.create(AppModule)
    app.use_global_guards(TraceGuard("global"))
    app.use_global_interceptors(TraceInterceptor("global"))
    app.use_global_pipes(TracePipe("global"))
    return app
