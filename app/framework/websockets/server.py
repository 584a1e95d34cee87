"""`Server`: all clients of a namespace; the value of Nest's ``@WebSocketServer()``."""

from collections.abc import Mapping
from typing import Any

from app.framework.websockets.broadcast import FETCH_SECONDS, BroadcastOperator
from app.framework.websockets.socket_api.middleware import Middleware
from app.framework.websockets.socket_api.registry import (
    Adapter,
    Engine,
    RoomMap,
    SidMap,
    SocketMap,
)
from app.framework.websockets.socket_api.server_events import Intercept, Listener, check_name


class Server(BroadcastOperator):
    """All sockets of one namespace: socket.io's ``Namespace`` or, for ``/``, its ``Server``."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        """Return whether both are the same namespace, so ``client.nsp == self.server`` works."""
        return isinstance(other, Server) and other._hub is self._hub

    def __hash__(self) -> int:
        return hash(self._hub)

    @property
    def name(self) -> str:
        """The name of the namespace, such as ``/`` or ``/admin``."""
        return self._hub.namespace

    @property
    def params(self) -> Mapping[str, str]:
        """The values of the parameters in the namespace's pattern.

        For example, the namespace ``/rooms/5`` of ``/rooms/:id`` has ``{"id": "5"}``. For a regular
        expression, these are the values of its named groups.
        """
        return self._hub.params

    @property
    def sockets(self) -> SocketMap:
        """The sockets of this node by id, including sockets that are still connecting."""
        return SocketMap(self._hub)

    @property
    def adapter(self) -> Adapter:
        """The rooms of this node: ``server.adapter.rooms`` and ``server.adapter.sids``."""
        return Adapter(RoomMap(self._hub), SidMap(self.sockets))

    @property
    def engine(self) -> Engine:
        """The number of connections: ``server.engine.clients_count``."""
        return Engine(self._hub.clients_count)

    def of(self, namespace: str) -> "Server":
        """Return another namespace of this server.

        Do not keep the result if the namespace has parameters or a regular expression, because such
        a namespace closes when its last socket disconnects.

        Raises:
            ValueError: No gateway has the namespace.
        """
        return Server(self._hub.of("/" + namespace.strip("/")))

    def use(self, middleware: Middleware) -> None:
        """Run a function for each socket that connects to this namespace, before the guards.

        The function takes the socket, may be async, and raises an error to refuse the socket.
        Middlewares run in the order of their registration.
        """
        self._hub.use(middleware)

    def on(self, event: str, listener: Listener) -> None:
        """Call a function for each `server_side_emit` of this event on another node.

        The function takes the arguments of the event or fewer, and may be async. If the other node
        waits for an answer, the last argument is the function to answer with.

        Raises:
            ValueError: The name of the event is reserved.
        """
        self._hub.server_events.add(event, listener, once=False)

    def once(self, event: str, listener: Listener) -> None:
        """Call a function for the next event of this name only; see `on`."""
        self._hub.server_events.add(event, listener, once=True)

    def off(self, event: str, listener: Listener | None = None) -> None:
        """Remove a listener of `on` or `once`; None removes all listeners of the event."""
        self._hub.server_events.remove(event, listener)

    def intercept_remote_events(self, intercept: Intercept) -> None:
        """Call a function for each event of another node that may have recipients on this node.

        The function is called before the event is sent to the sockets of this node. If it returns
        True, the event is not sent: the function's owner sends it later, or drops it. Events that
        expect acks are not passed to the function. Socket.IO has no such function.

        Raises:
            ValueError: The namespace already has such a function.
        """
        if self._hub.server_events.intercept is not None:
            raise ValueError(f"the namespace {self.name} already intercepts remote events")
        self._hub.server_events.intercept = intercept

    def server_side_emit(self, event: str, *args: Any) -> None:
        """Call the listeners of `on` on the other nodes. Without a cluster, there are none.

        Raises:
            ValueError: The name of the event is reserved.
        """
        cluster = self._hub.cluster
        if check_name(event) and cluster is not None:
            cluster.publish_server_event(event, args)

    async def server_side_emit_with_ack(
        self, event: str, *args: Any, timeout_seconds: float = FETCH_SECONDS
    ) -> list[Any]:
        """Call the listeners of `on` on the other nodes, and return one answer of each node.

        Raises:
            AckTimeoutError: A node did not answer in time. The error has the other answers.
            ConnectionError: The other nodes cannot be reached.
            ValueError: The name of the event is reserved.
        """
        cluster = self._hub.cluster
        if check_name(event) and cluster is not None:
            return await cluster.server_side_emit_with_ack(event, args, timeout_seconds)
        return []
