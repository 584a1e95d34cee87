"""`RequestCheck`: lets the application refuse clients, like Socket.IO's ``allowRequest``."""

import inspect
import sys
from collections.abc import Awaitable, Callable

import structlog
from aiohttp import web

from app.concurrency.eager import within
from app.framework.common.awaiting import maybe_await
from app.framework.common.exceptions import BootError, WsException
from app.framework.common.minute_log import MinuteLog

AllowRequest = Callable[[web.Request], bool | Awaitable[bool]]
"""Takes the upgrade request, and returns whether the client may connect. It may be async.

If it raises a `WsException`, the client is refused with the exception's message.
"""

FORBIDDEN = "Forbidden"

_log = structlog.stdlib.get_logger("RequestCheck")


class _TooSlow(Exception):
    """``allow_request`` has exceeded its time limit."""


class RequestCheck:
    """Calls ``allow_request`` for each upgrade request, with a time limit.

    A client may connect only if the result is True. Any other result, an error or a timeout refuses
    the client.
    """

    def __init__(self, allow_request: AllowRequest, timeout_seconds: float) -> None:
        given: object = allow_request
        if not callable(given) or _is_generator(given):
            raise BootError(
                f"EngineOptions.allow_request is {allow_request!r}; "
                "give it a function that takes the request and returns True or False"
            )
        self._allow_request = allow_request
        self._timeout_seconds = timeout_seconds
        self._fault_log = MinuteLog(_log_fault)

    async def refusal(self, request: web.Request) -> str | None:
        """Return None if the client may connect, or the message of the refusal."""
        try:
            verdict = await within(self._timeout_seconds, self._ask(request), _TooSlow)
        except WsException as refused:
            return refused.message
        except _TooSlow:
            self._fault_log.count("allow_request took too long", f"{self._timeout_seconds} s")
        except Exception as error:  # noqa: BLE001 - any error refuses the client
            self._fault_log.count("allow_request failed", type(error).__name__)
        else:
            if verdict is True:
                return None
            if verdict is not False:
                kind = type(verdict).__name__
                self._fault_log.count("allow_request must return True or False", kind)
        return FORBIDDEN

    async def _ask(self, request: web.Request) -> object:
        return await maybe_await(self._allow_request(request))


def _is_generator(function: object) -> bool:
    return inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function)


def _log_fault(what: str, subject: str, times: int) -> None:
    # If this is called in an ``except`` block, the log line has the traceback of the error.
    _log.error(what, subject=subject, times=times, exc_info=sys.exc_info()[0] is not None)
