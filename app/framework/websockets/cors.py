"""Nest's ``cors`` option: the origins whose pages may connect, besides the server's own origin."""

import inspect
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Never, TypeAlias

from app.framework.common.exceptions import BootError

Origin: TypeAlias = str | re.Pattern[str] | Callable[[str], bool]
Origins: TypeAlias = Origin | bool | Iterable[Origin]
"""One origin or several; see `Cors`. True and ``"*"`` mean any origin, False means none."""

ANY_ORIGIN = re.compile("")

_DEFAULT_PORTS = (("http://", ":80"), ("https://", ":443"))
_ORIGIN = re.compile(r"[^:/*]+://[^/*]*|null")


@dataclass(frozen=True, slots=True, init=False)
class Cors:
    """The origins whose pages may connect. Pages of the server's own origin may always connect.

    An origin is a text such as ``https://chat.example``, a regular expression that is searched in
    the origin, as in Nest, or a function that receives the origin and returns True to accept it.

    Raises:
        BootError: A text cannot be the origin of a page, a function is async or does not take one
            argument, an item has another type, or there is another option, such as ``credentials``.
    """

    origins: Origins

    def __init__(self, origins: Origins | None = None, **others: Never) -> None:
        for name in others:
            remedy = (
                "name it origins"
                if name == "origin"
                else "remove it: browsers send WebSockets without CORS, and controllers already "
                "allow credentials and all methods to the origins in EngineOptions"
            )
            raise BootError(f"Cors has no option '{name}'; {remedy}")
        object.__setattr__(self, "origins", parse_origins(origins))


def parse_origins(origins: Origins | None) -> tuple[Origin, ...]:
    """Return the origins in a fixed order, so that two lists of the same origins are equal.

    Raises:
        BootError: See `Cors`.
    """
    if origins is True or origins == "*":
        return (ANY_ORIGIN,)
    if origins is False:
        return ()
    if isinstance(origins, str | re.Pattern) or callable(origins):
        origins = (origins,)
    if not isinstance(origins, Iterable):
        raise BootError(
            f"origins={origins!r} is not supported; give an origin such as "
            "'https://chat.example', a list of origins, or '*' for any origin"
        )
    return tuple(sorted(set(map(_check, origins)), key=repr))


def origin_matcher(origins: Origins) -> Callable[[str], bool]:
    """Return a function that decides whether a page of an origin may connect.

    The function does not catch errors of functions in ``origins``.
    """
    listed = parse_origins(origins)
    texts = frozenset(normal_origin(each) for each in listed if isinstance(each, str))
    patterns = tuple(each for each in listed if isinstance(each, re.Pattern))
    functions = tuple(each for each in listed if callable(each))

    def allows(origin: str) -> bool:
        return (
            origin in texts  # browsers send the form that `normal_origin` returns
            or any(pattern.search(origin) for pattern in patterns)
            # Compare with True, because a returned coroutine would count as true.
            or any(function(origin) is True for function in functions)
        )

    return allows


def normal_origin(origin: str) -> str:
    """Return the origin in lower case, without the scheme's default port."""
    normal = origin.lower()
    for scheme, port in _DEFAULT_PORTS:
        if normal.startswith(scheme):
            return normal.removesuffix(port)
    return normal


def _check(origin: object) -> Origin:
    if isinstance(origin, re.Pattern) and isinstance(origin.pattern, str):
        return origin
    if callable(origin):
        if inspect.iscoroutinefunction(origin):
            raise BootError(f"origins: {origin!r} is async; write a plain function")
        if not _takes_one_argument(origin):
            raise BootError(
                f"origins: {origin!r} must take one argument, the origin, and return True to "
                "accept it; there is no callback"
            )
        return origin
    if not isinstance(origin, str):
        raise BootError(f"origins: {origin!r} is not an origin, a regular expression or a function")
    if origin == "*":
        raise BootError("origins: '*' in a list matches no page; write Cors('*') for any origin")
    if not _ORIGIN.fullmatch(origin):
        raise BootError(
            f"origins: {origin!r} matches no page; write an origin in full and without a slash "
            "at the end, such as https://chat.example, or a regular expression for several"
        )
    return origin


def _takes_one_argument(function: Callable[..., object]) -> bool:
    try:
        inspect.signature(function).bind("")
    except TypeError:
        return False
    except ValueError:  # some functions in C have no signature
        return True
    return True
