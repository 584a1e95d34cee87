"""File descriptors, of which each client takes one: the limit, and whether any is left."""

import errno
import logging
import os
import resource
from contextlib import suppress

from app.ports import Clock, Timer

ENOUGH = 1_048_576
"""A higher limit would only slow down what closes every descriptor there may be."""

FEW = 4_096

_LOOK_EVERY_SECONDS = 1.0
_LOG_EVERY_SECONDS = 60.0

_logger = logging.getLogger(__name__)


def raise_limit() -> int:
    """Raise the soft limit on open files to the hard one; returns what it is then."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = ENOUGH if hard == resource.RLIM_INFINITY else min(hard, ENOUGH)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(OSError, ValueError):  # macOS has a limit below "unlimited"
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return current_limit()


def warn_if_low(limit: int) -> None:
    """Log that only few clients can be connected, where that is so."""
    if limit < FEW:
        _logger.warning(
            "only %d files may be open, and each client takes one: raise the hard limit "
            "(ulimit -Hn, LimitNOFILE= of systemd, --ulimit nofile= of Docker)",
            limit,
        )


def current_limit() -> int:
    """How many descriptors the process may have."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return ENOUGH if soft == resource.RLIM_INFINITY else soft


class DescriptorWatch:
    """Logs, once a minute at most, that no file descriptor is left.

    New connections are then closed by the event loop, and uvloop does not say so: hence a look
    every second. Connected clients are served, and new ones again as soon as others have gone.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._timer: Timer | None = None
        self._quiet_until = 0.0

    async def on_application_bootstrap(self) -> None:
        """Begin to look."""
        self._look()

    async def on_application_shutdown(self, _signal: str | None) -> None:
        """Stop looking."""
        if self._timer is not None:
            self._timer.cancel()

    def _look(self) -> None:
        now = self._clock.monotonic()
        if now >= self._quiet_until and not _any_left():
            self._quiet_until = now + _LOG_EVERY_SECONDS
            _logger.error(
                "no file descriptor is left (limit %d): new clients are refused until others go; "
                "raise the limit (ulimit -n, LimitNOFILE= of systemd, --ulimit nofile= of Docker) "
                "or run more nodes",
                current_limit(),
            )
        self._timer = self._clock.call_later(_LOOK_EVERY_SECONDS, self._look)


def _any_left() -> bool:
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        return error.errno not in {errno.EMFILE, errno.ENFILE}
    return True
