from collections.abc import Callable
from typing import Any

from app.framework.platform_socketio.websocket.write_batcher import Recipient, RecipientGroups


class Recorder(Recipient):
    """A recipient that keeps what it is written.

    Attributes:
        written: Write by write.
        failures: What writing has raised.
    """

    def __init__(self) -> None:
        self.groups: RecipientGroups = []
        self.written: list[bytes] = []
        self.failures: list[Exception] = []
        self.write: Callable[[bytes], Any] = self.written.append

    def write_failed(self, error: Exception) -> None:
        """Keep it."""
        self.failures.append(error)

    @property
    def received(self) -> bytes:
        """All of it."""
        return b"".join(self.written)
