"""Refusing at once what would only wait, while the database does not answer."""

import time

from app.domain.errors import Unavailable

SLOW_SECONDS = 0.25
"""A failure that took longer is one that the next operation had better not wait for."""

RETRY_SECONDS = 0.5


class Gate:
    """Closed by a slow failure: one operation in `RETRY_SECONDS` tries, the others are refused.

    A client's events are handled one after the other. Without this, each would wait its whole time
    for a database that is frozen or locked, and the last one's answer would come after all of them.
    """

    def __init__(self) -> None:
        self._is_closed = False
        self._try_again_at = 0.0

    def enter(self) -> None:
        """Begin an operation.

        Raises:
            Unavailable: Somebody else is trying, or it is too early to.
        """
        if not self._is_closed:
            return
        now = time.monotonic()
        if now < self._try_again_at:
            raise Unavailable
        self._try_again_at = now + RETRY_SECONDS

    def succeeded(self) -> None:
        """The database has answered."""
        self._is_closed = False

    def failed(self, seconds: float) -> None:
        """The database has not; so long it took."""
        if seconds > SLOW_SECONDS:
            self._is_closed = True
            self._try_again_at = time.monotonic() + RETRY_SECONDS
