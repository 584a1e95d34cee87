"""The real JavaScript client as a device: it comes back by its own reconnection."""

from collections.abc import Callable
from typing import Any

from tests.e2e.js_client import JS_FOLDER
from tests.node_driver import NodeDriver
from tests.reliability.link import Link


class JsLink(Link):
    """One socket of the Node process."""

    def __init__(self, order: Callable[..., None]) -> None:
        super().__init__()
        self._order = order

    def hear(self, event: str, arguments: list[Any], question: int | None) -> None:
        """The driver tells what happened to the socket."""
        first = arguments[0] if arguments else None
        match event:
            case "connect":
                self._connected()
            case "disconnect":
                self._lost()
            case "connect_error":
                pass  # it tries again
            case "ack":
                assert question is not None
                self._answered(question, first)
            case _:
                self.on_event(event, first)

    def _emit(self, number: int, event: str, payload: object) -> None:
        # The client itself keeps what is emitted between two connections, and sends it later: so
        # that one send may arrive twice, the second time by us.
        arguments = [] if payload is None else [payload]
        self._order(command="ask", event=event, args=arguments, question=number)


class JsLinks(NodeDriver):
    """The Node process."""

    def __init__(self) -> None:
        super().__init__(JS_FOLDER)
        self._links: dict[int, JsLink] = {}

    def connect(self, url: str, token: str) -> JsLink:
        """A new client, connecting."""
        number = len(self._links)

        def order(**command: object) -> None:
            self.tell({"client": number, **command})

        link = self._links[number] = JsLink(order)
        order(command="connect", url=url, auth={"token": token}, options={})
        return link

    async def hear(self, told: dict[str, Any]) -> None:
        """What happened to a client."""
        self._links[told["client"]].hear(told["event"], told["args"], told.get("question"))
