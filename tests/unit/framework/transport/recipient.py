from collections.abc import Callable
from typing import Any

from app.framework.transport.outbox import Audience, Recipient


class Recorder(Recipient):
    """A recipient that keeps what it is written.

    Attributes:
        written: Write by write.
    """

    def __init__(self) -> None:
        self.audiences: list[Audience[Any]] = []
        self.written: list[bytes] = []
        self.write: Callable[[bytes], Any] = self.written.append

    @property
    def heard(self) -> bytes:
        """All of it."""
        return b"".join(self.written)
