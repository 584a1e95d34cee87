"""A device's link through the real JavaScript client, which reconnects by itself."""

from collections.abc import Callable
from typing import Any

from tests.e2e.js_client import JS_FOLDER
from tests.node_driver import NodeDriver
from tests.reliability.link import Link


class JsLink(Link):
    """One client of the Node process."""

    def __init__(self, order: Callable[..., None]) -> None:
        super().__init__()
        self._order = order

    def receive(self, event: str, arguments: list[Any], question: int | None) -> None:
        first = arguments[0] if arguments else None
        match event:
            case "connect":
                self._connected()
            case "disconnect":
                self._lost()
            case "connect_error":
                pass  # The client retries by itself.
            case "ack":
                assert question is not None
                self._answered(question, first)
            case _:
                self.on_event(event, first)

    def _emit(self, number: int, event: str, payload: object) -> None:
        # The client buffers events between two connections and sends them later, so that one
        # message may be sent twice: by the client's buffer and by `Person`.
        arguments = [] if payload is None else [payload]
        self._order(command="ask", event=event, args=arguments, question=number)


class JsLinks(NodeDriver):
    """The Node process that runs the clients."""

    def __init__(self) -> None:
        super().__init__(JS_FOLDER)
        self._links: dict[int, JsLink] = {}

    def connect(self, url: str, token: str) -> JsLink:
        number = len(self._links)

        def order(**command: object) -> None:
            self.send({"client": number, **command})

        link = self._links[number] = JsLink(order)
        order(command="connect", url=url, auth={"token": token}, options={})
        return link

    async def handle(self, report: dict[str, Any]) -> None:
        link = self._links[report["client"]]
        link.receive(report["event"], report["args"], report.get("question"))
