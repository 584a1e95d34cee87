"""The decorators `throttle` and `skip_throttle`, which `ThrottlerGuard` reads."""

from collections.abc import Callable, Mapping

from app.framework.common.decorators import need_guard
from app.framework.common.exceptions import BootError
from app.framework.common.metadata import Decorated, define_metadata, get_metadata
from app.framework.throttler.guard import ThrottlerGuard
from app.framework.throttler.options import (
    DEFAULT,
    SKIP_THROTTLE,
    THROTTLE,
    ThrottleLimits,
    complaint_about,
)

_VALID = {"ttl": 1, "limit": 0, "block_duration": None}


def throttle(limits: Mapping[str, ThrottleLimits]) -> Callable[[Decorated], Decorated]:
    """Nest's ``@Throttle``: set other limits for a handler, or for all handlers of a class.

    Args:
        limits: The options to replace, by the name of the throttler, such as
            ``{"default": {"limit": 3, "ttl": 60_000}}``.

    Raises:
        BootError: An option is unknown or invalid.
    """
    if not _is_mapping(limits) or not limits:
        raise BootError(
            f"@throttle({limits!r}) names no throttler; write @throttle({{'default': "
            "{'limit': 3, 'ttl': 60_000}})"
        )
    for name, options in limits.items():
        if not _is_mapping(options) or not options or not options.keys() <= _VALID.keys():
            raise BootError(
                f"@throttle: {options!r} for '{name}' is invalid; set limit, ttl or block_duration"
            )
        given = {**_VALID, **options}
        complaint = complaint_about(given["ttl"], given["limit"], given["block_duration"])
        if complaint is not None:
            raise BootError(f"@throttle: {complaint}, for '{name}'")
    return _decorator("throttle", THROTTLE, limits)


def skip_throttle(skip: Mapping[str, bool] | None = None) -> Callable[[Decorated], Decorated]:
    """Nest's ``@SkipThrottle``: do not count the calls of a handler, or of all handlers of a class.

    Args:
        skip: Whether to skip, by the name of the throttler. The default is ``{"default": True}``.
            With ``{"default": False}``, a handler is counted although its class is skipped.

    Raises:
        BootError: The argument is not a mapping from names to booleans.
    """
    chosen = {DEFAULT: True} if skip is None else skip
    if not _is_mapping(chosen) or not all(type(each) is bool for each in chosen.values()):
        raise BootError(
            f"@skip_throttle({skip!r}): write @skip_throttle(), or "
            "@skip_throttle({'default': False})"
        )
    return _decorator("skip_throttle", SKIP_THROTTLE, chosen)


def _is_mapping(value: object) -> bool:
    return isinstance(value, Mapping)


def _decorator(
    name: str, key: str, values: Mapping[str, object]
) -> Callable[[Decorated], Decorated]:
    def decorate(target: Decorated) -> Decorated:
        # Keep the throttlers that another decorator of the target, or its base class, names.
        define_metadata(target, key, {**(get_metadata(target, key) or {}), **values})
        need_guard(target, name, ThrottlerGuard)
        return target

    return decorate
