"""`ThrottlerGuard`: limits how often a client calls a handler."""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from inspect import iscoroutinefunction
from ipaddress import ip_address, ip_network
from math import ceil
from typing import Any, NoReturn

from app.framework.common.context import ExecutionContext, HttpContext
from app.framework.common.exceptions import BootError, WsException
from app.framework.common.guards import CanActivate
from app.framework.common.hooks import refuse_nest_spelling, refuse_uncalled_methods
from app.framework.common.http_exceptions import HttpException
from app.framework.common.metadata import get_metadata
from app.framework.platform_socketio.websocket.client_address import (
    TRUSTED_PROXIES,
    client_address,
)
from app.framework.throttler.options import SKIP_THROTTLE, THROTTLE, ThrottlerOptions
from app.framework.throttler.storage import ThrottlerStorage
from app.framework.websockets.socket import Socket

IPV6_PREFIX = 64
"""As in Nest, all clients in an IPv6 network with this prefix length count as one client."""


class ThrottlerException(WsException):
    """The client exceeded a limit, and may call the handler again after ``retry_after_ms``.

    The client's other events are handled, whereas `WsTooManyRequests` pauses all events.
    """

    code = "rate_limited"
    temporary = True

    def __init__(self, retry_after_ms: int) -> None:
        super().__init__(
            "ThrottlerException: Too Many Requests", details={"retryAfterMs": retry_after_ms}
        )


@dataclass(frozen=True, slots=True)
class HandlerLimit:
    """One limit that applies to a handler.

    Attributes:
        take: Counts calls: ``take(tracker, cost)`` returns 0.0, or the seconds to wait. The tracker
            is the text that identifies the caller. ``take`` may also return an awaitable.
        cost: The amount that one call adds to the count.
        cost_of: Returns the cost for a payload; replaces ``cost``.
        skip_if: Returns True for calls that do not count.
    """

    take: Callable[[str, int], float | Awaitable[float]]
    cost: int = 1
    cost_of: Callable[[Any], int] | None = None
    skip_if: Callable[[ExecutionContext], bool] | None = None


_Check = Callable[[ExecutionContext], bool | Awaitable[bool]]

_HOOKS = ("get_tracker", "should_skip", "throw_throttling_exception")
"""The methods of Nest's guard that a subclass may override. They are called without await."""

_UNCALLED = {
    "handle_request": "derive from BaseThrottlerGuard and override limits_of",
    "generate_key": "override limits_of",
    "get_error_message": "override throw_throttling_exception",
    "get_request_response": "override get_tracker, which receives the socket or the request",
}


class BaseThrottlerGuard(CanActivate, ABC):
    """Limits how often handlers are called, but not how often clients connect.

    A subclass supplies the limits.

    Args:
        get_tracker: Takes the caller (a `Socket` or an aiohttp request), and returns a text that
            identifies the caller. As in Nest, it takes precedence over the method `get_tracker`.
    """

    def __init__(self, get_tracker: Callable[[Any], str] | None = None) -> None:
        cls = type(self)
        refuse_nest_spelling(cls, _HOOKS)
        refuse_uncalled_methods(cls, _UNCALLED)
        self._get_tracker = get_tracker or self.get_tracker
        for function in (self._get_tracker, *(getattr(self, name) for name in _HOOKS)):
            if iscoroutinefunction(function):  # nothing would await the coroutine
                raise BootError(
                    f"{function.__qualname__} is called by {cls.__name__}, so it must not be async"
                )
        self._checks: dict[tuple[type, Callable[..., Any]], _Check] = {}
        """Caches the function that checks the limits of a handler; the key is the class and method.

        The key contains the class, because classes may inherit one method and have different
        limits. The dict is bounded by the number of handlers.
        """

    @abstractmethod
    def limits_of(self, cls: type, handler: Callable[..., Any]) -> tuple[HandlerLimit, ...]:
        """Return the limits of a handler. This is called once for each class and handler."""

    def get_tracker(self, caller: Any) -> str:
        """Return the address of a client or, if it is an IPv6 address, its network.

        A subclass may return another text that identifies the caller, such as the user's id.

        If the server is behind proxies, set ``trusted_proxies`` of `EngineOptions`. Otherwise all
        clients have the address of the proxy, and share one limit.
        """
        if isinstance(caller, Socket):
            return network_of(caller.handshake.address)
        return network_of(client_address(caller, caller.app[TRUSTED_PROXIES]))

    def should_skip(self, context: ExecutionContext) -> bool:
        """Return whether a call does not count; a subclass may override this method."""
        del context
        return False

    def can_activate(self, context: ExecutionContext) -> bool | Awaitable[bool]:
        """Count the call; return True, or raise an error if a limit is exceeded.

        Returns an awaitable only if a ``take`` of the limits does.
        """
        if context.is_connection:
            return True
        key = (context.get_class(), context.get_handler())
        check = self._checks.get(key) or self._compile(context)
        return check(context)

    def throw_throttling_exception(
        self, context: ExecutionContext, retry_after_ms: int
    ) -> NoReturn:
        """Raise the error for a refused call: `ThrottlerException`, or status 429 for a request."""
        error = ThrottlerException(retry_after_ms)
        if context.get_type() != "http":
            raise error
        response = context.switch_to_http().get_response()
        response.set_header("Retry-After", str(ceil(retry_after_ms / 1000)))
        raise HttpException({"statusCode": 429, "message": error.message}, 429)

    def _compile(self, context: ExecutionContext) -> _Check:
        cls, handler = context.get_class(), context.get_handler()
        is_http = context.get_type() == "http"
        caller_of = HttpContext.get_request if is_http else ExecutionContext.get_client
        checks = [self._check_of(each, caller_of) for each in self.limits_of(cls, handler)]
        # Call a single check directly, because a loop would take longer.
        check = checks[0] if len(checks) == 1 else partial(_check_all, checks)
        if type(self).should_skip is not BaseThrottlerGuard.should_skip:
            check = _unless(self.should_skip, check)
        self._checks[cls, handler] = check
        return check

    def _check_of(self, limit: HandlerLimit, caller_of: Callable[[Any], Any]) -> _Check:
        take, cost, cost_of, skip_if = limit.take, limit.cost, limit.cost_of, limit.skip_if
        tracker_of, settle = self._get_tracker, self._settle

        def check(context: ExecutionContext) -> bool | Awaitable[bool]:
            wait_seconds = take(tracker_of(caller_of(context)), cost)
            return settle(context, wait_seconds) if wait_seconds else True

        def check_with_options(context: ExecutionContext) -> bool | Awaitable[bool]:
            if skip_if is not None and skip_if(context):
                return True
            actual = cost if cost_of is None else cost_of(context.get_data())
            wait_seconds = take(tracker_of(caller_of(context)), actual)
            return settle(context, wait_seconds) if wait_seconds else True

        return check if cost_of is None and skip_if is None else check_with_options

    def _settle(
        self, context: ExecutionContext, wait_seconds: float | Awaitable[float]
    ) -> bool | Awaitable[bool]:
        if isinstance(wait_seconds, float | int):
            return self._accept_or_refuse(context, wait_seconds)
        return self._settle_later(context, wait_seconds)

    async def _settle_later(
        self, context: ExecutionContext, wait_seconds: Awaitable[float]
    ) -> bool:
        return self._accept_or_refuse(context, await wait_seconds)

    def _accept_or_refuse(self, context: ExecutionContext, wait_seconds: float) -> bool:
        if wait_seconds > 0:
            self.throw_throttling_exception(context, ceil(wait_seconds * 1000))
        return True


class ThrottlerGuard(BaseThrottlerGuard):
    """Nest's ``ThrottlerGuard``, for gateways and controllers.

    Each client has a separate count for each handler.

    Args:
        throttlers: The limits, which `throttle` and `skip_throttle` change for single handlers.
        get_tracker: Identifies a caller; None means the method. There is no default, because an
            `AppGuard` must receive the same function as `ThrottlerModule.for_root`.
    """

    def __init__(
        self,
        throttlers: Sequence[ThrottlerOptions],
        storage: ThrottlerStorage,
        get_tracker: Callable[[Any], str] | None,
    ) -> None:
        super().__init__(get_tracker)
        self._throttlers = throttlers
        self._storage = storage

    def limits_of(self, cls: type, handler: Callable[..., Any]) -> tuple[HandlerLimit, ...]:
        """Return a limit for each throttler that the handler does not skip."""
        return tuple(
            HandlerLimit(
                take=partial(
                    self._storage.take,
                    _override(options, (handler, cls)),
                    f"{cls.__module__}.{cls.__qualname__}-{handler.__name__}-{options.name}-",
                ),
                skip_if=options.skip_if,
            )
            for options in self._throttlers
            if not _is_skipped(options.name, (handler, cls))
        )


@lru_cache(maxsize=1_024)
def network_of(address: str) -> str:
    """Return the network of an IPv6 address; any other address is returned unchanged."""
    if ":" not in address:
        return address
    return str(ip_network((ip_address(address).packed, IPV6_PREFIX), strict=False))


def _check_all(checks: Sequence[_Check], context: ExecutionContext) -> bool | Awaitable[bool]:
    for position, check in enumerate(checks, 1):
        verdict = check(context)
        if not isinstance(verdict, bool):
            return _check_later(verdict, checks[position:], context)
        if not verdict:
            return False
    return True


async def _check_later(
    verdict: Awaitable[bool], others: Sequence[_Check], context: ExecutionContext
) -> bool:
    if not await verdict:
        return False
    rest = _check_all(others, context)
    return rest if isinstance(rest, bool) else await rest


def _unless(skips: _Check, check: _Check) -> _Check:
    return lambda context: True if skips(context) else check(context)


def _is_skipped(name: str, targets: Sequence[object]) -> bool:
    """Return whether `skip_throttle` of the first target that names the throttler skips it."""
    for target in targets:
        values = get_metadata(target, SKIP_THROTTLE) or {}
        if name in values:
            return bool(values[name])
    return False


def _override(options: ThrottlerOptions, targets: Sequence[object]) -> ThrottlerOptions:
    """Replace each option by the value of the first target whose `throttle` sets it."""
    for target in reversed(targets):
        options = replace(options, **(get_metadata(target, THROTTLE) or {}).get(options.name, {}))
    return options
