from typing import Any

from aiohttp._websocket.reader import WebSocketDataQueue


class Queue(WebSocketDataQueue):
    """As `web_socket.WebSocket`: a queue without the base's constructor."""

    _size = 0
    _limit = 0

    def __init__(self) -> None:  # the base's is left out
        self.fed: list[Any] = []
        self.errors: list[BaseException] = []

    def feed_data(self, message: Any, size: int) -> None:  # noqa: ARG002 - the base's form
        """Keep it."""
        self.fed.append(message)

    def set_exception(self, exc: BaseException, exc_cause: BaseException | None = None) -> None:  # noqa: ARG002 - the base's form
        """Keep it."""
        self.errors.append(exc)
