from typing import Any

from app.framework.platform_socketio.websocket.frame_reader import FrameQueue


class Queue(FrameQueue):
    """Records the messages and errors from the parser."""

    def __init__(self) -> None:  # Skip the base's constructor, which creates a queue.
        self.packets_left = 0
        self.fed: list[Any] = []
        self.errors: list[BaseException] = []

    def feed_data(self, message: Any, size: int) -> None:  # noqa: ARG002 - the base's signature
        self.fed.append(message)

    def set_exception(self, exc: BaseException, exc_cause: BaseException | None = None) -> None:  # noqa: ARG002 - the base's signature
        self.errors.append(exc)
