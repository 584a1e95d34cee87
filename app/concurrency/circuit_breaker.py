"""A circuit breaker: rejects calls at once while a service does not answer."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from contextvars import Context

HALF_OPEN_WAIT_SECONDS = 0.05
"""The time after a failure during which callers may wait for the first probe."""

_logger = logging.getLogger(__name__)


class CircuitBreaker:
    """Rejects calls while a service does not answer, and probes the service until it answers.

    - Closed: calls pass.
    - Half open, for `HALF_OPEN_WAIT_SECONDS` after a failure: callers may wait for the first probe,
      because the failure may have affected only one call.
    - Open: calls are rejected, and a task repeats the probe until it succeeds.

    A client's events are handled one after another. Without a circuit breaker, each event would
    wait for a timeout while the service does not answer. With a circuit breaker, only the calls
    that are running when the service freezes wait for a timeout; other calls are rejected.

    Args:
        probe: Sends a request to the service, and calls `close` if the service answers. If the
            probe raises, the error is logged and the probe is repeated.
        retry_seconds: The pause after a failed probe.

    Attributes:
        is_closed: Whether calls pass.
    """

    def __init__(
        self, name: str, probe: Callable[[], Awaitable[None]], retry_seconds: float
    ) -> None:
        self.is_closed = True
        self._name = name
        self._probe = probe
        self._retry_seconds = retry_seconds
        self._closed = asyncio.Event()
        self._half_open_until = 0.0
        self._probing: asyncio.Task[None] | None = None
        self._is_stopped = False

    async def wait_half_open(self) -> bool:
        """Wait for the first probe while half open; return whether the call may pass."""
        if asyncio.get_running_loop().time() < self._half_open_until:
            with suppress(TimeoutError):
                async with asyncio.timeout_at(self._half_open_until):
                    await self._closed.wait()
        return self.is_closed

    def close(self) -> None:
        """Let calls pass again, because the service has answered a probe or a call."""
        if not self.is_closed and not self._is_stopped:
            self.is_closed = True
            self._closed.set()

    def open(self) -> None:
        """Reject calls until `close` is called, and repeat the probe until then."""
        if not self.is_closed:
            return
        self.is_closed = False
        self._closed.clear()
        self._half_open_until = asyncio.get_running_loop().time() + HALF_OPEN_WAIT_SECONDS
        if self._probing is None:
            # Use an empty context, so that the probe's log lines are not attributed to the failed
            # event.
            self._probing = asyncio.create_task(
                self._probe_until_closed(), name=f"{self._name}-probe", context=Context()
            )

    async def stop(self) -> None:
        """Stop probing, and reject every call from now on."""
        self._is_stopped = True
        self.is_closed = False
        self._half_open_until = 0.0
        if self._probing is not None:
            self._probing.cancel()
            await asyncio.wait([self._probing])

    async def _probe_until_closed(self) -> None:
        try:
            while not self.is_closed:
                try:
                    await self._probe()
                except Exception:
                    _logger.exception("the probe of %s raised an error", self._name)
                # Do not only sleep: a call that started before the failure may also succeed, and
                # close the circuit breaker.
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._retry_seconds):
                        await self._closed.wait()
        finally:
            self._probing = None
