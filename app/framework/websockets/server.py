"""`Server`: all clients of a namespace; the value of Nest's ``@WebSocketServer()``."""

from collections.abc import Mapping

from app.framework.websockets.broadcast import BroadcastOperator
from app.framework.websockets.socket_api.middleware import Middleware
from app.framework.websockets.socket_api.registry import (
    Adapter,
    Engine,
    RoomMap,
    SidMap,
    SocketMap,
)


class Server(BroadcastOperator):
    """All sockets of one namespace: socket.io's ``Namespace`` or, for ``/``, its ``Server``."""

    __slots__ = ()

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
