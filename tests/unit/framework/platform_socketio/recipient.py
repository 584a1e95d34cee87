from collections.abc import Callable
from typing import Any

from app.framework.platform_socketio.websocket.write_batcher import Recipient, RecipientGroups


class Recorder(Recipient):
    """A recipient that records the bytes written to it.

    Attributes:
        written: The bytes of each write.
        failures: The exceptions that writing has raised.
    """

    def __init__(self) -> None:
        self.groups: RecipientGroups = []
        self.written: list[bytes] = []
        self.failures: list[Exception] = []
        self.write: Callable[[bytes], Any] = self.written.append

    def write_failed(self, error: Exception) -> None:
        self.failures.append(error)

    @property
    def received(self) -> bytes:
        return b"".join(self.written)
