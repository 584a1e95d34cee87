"""Raises the limit of file descriptors (each client needs one), and logs when none is left."""

import errno
import logging
import os
import resource
from contextlib import suppress

from app.ports import Clock, Timer

ENOUGH = 1_048_576
"""The requested limit.

A higher limit would slow down programs that try to close every descriptor up to the limit.
"""

FEW = 4_096
"""A limit below this causes a warning."""

_CHECK_SECONDS = 1.0
_LOG_SECONDS = 60.0

_logger = logging.getLogger(__name__)


def raise_limit() -> int:
    """Raise the soft limit of open files, and return the current limit.

    The soft limit is raised to the hard limit, but at most to `ENOUGH`.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = ENOUGH if hard == resource.RLIM_INFINITY else min(hard, ENOUGH)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(OSError, ValueError):  # macOS has an upper limit even if it reports no limit.
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return current_limit()


def warn_if_low(limit: int) -> None:
    """Log a warning if the limit allows only few clients."""
    if limit < FEW:
        _logger.warning(
            "the limit of open files is %d, and each client needs one; raise the hard limit "
            "(ulimit -Hn, LimitNOFILE= of systemd, --ulimit nofile= of Docker)",
            limit,
        )


def current_limit() -> int:
    """Return how many file descriptors this process may open."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return ENOUGH if soft == resource.RLIM_INFINITY else soft


class DescriptorWatch:
    """Logs an error, at most once a minute, when no file descriptor is left.

    Checks every second: without descriptors, uvloop closes new connections and logs nothing.
    Connected clients are not affected. New clients can connect after other clients disconnect.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._timer: Timer | None = None
        self._no_log_before = 0.0

    async def on_application_bootstrap(self) -> None:
        """Start checking."""
        self._check()

    async def on_application_shutdown(self, _signal: str | None) -> None:
        """Stop checking."""
        if self._timer is not None:
            self._timer.cancel()

    def _check(self) -> None:
        now = self._clock.monotonic()
        if now >= self._no_log_before and not _any_left():
            self._no_log_before = now + _LOG_SECONDS
            _logger.error(
                "no file descriptor is left (limit %d): no client can connect until another "
                "disconnects; raise the limit (ulimit -n, LimitNOFILE= of systemd, "
                "--ulimit nofile= of Docker) or run more nodes",
                current_limit(),
            )
        self._timer = self._clock.call_later(_CHECK_SECONDS, self._check)


def _any_left() -> bool:
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        return error.errno not in {errno.EMFILE, errno.ENFILE}
    return True
