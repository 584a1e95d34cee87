"""Nest's decorators for guards, pipes, interceptors and filters.

The decorators only write metadata, which ``websockets/enhancers.py`` reads once, at boot.
"""

import inspect
from collections.abc import Callable
from typing import TypeVar

from app.framework.common.exceptions import BootError
from app.framework.common.metadata import Decorated, define_metadata, extend_metadata

GUARDS = "__guards__"
PIPES = "__pipes__"
INTERCEPTORS = "__interceptors__"
FILTERS = "__exceptionFilters__"
CATCH = "__filterCatchExceptions__"
NEEDED_GUARDS = "__needed_guards__"
"""The metadata key of pairs: a decorator's name, and the class of the guard that reads it."""

FilterClass = TypeVar("FilterClass", bound=type)


def use_guards(*guards: object) -> Callable[[Decorated], Decorated]:
    """Nest's ``@UseGuards``: run guards from left to right.

    Args:
        guards: Instances, or classes that a module provides.
    """
    return _extend(GUARDS, "use_guards", guards)


def use_pipes(*pipes: object) -> Callable[[Decorated], Decorated]:
    """Nest's ``@UsePipes``: run pipes from left to right.

    Args:
        pipes: Instances, or classes that a module provides.
    """
    return _extend(PIPES, "use_pipes", pipes)


def use_interceptors(*interceptors: object) -> Callable[[Decorated], Decorated]:
    """Nest's ``@UseInterceptors``: run interceptors around the pipes and the handler.

    Args:
        interceptors: Instances, or classes that a module provides. The first one is outermost.
    """
    return _extend(INTERCEPTORS, "use_interceptors", interceptors)


def use_filters(*filters: object) -> Callable[[Decorated], Decorated]:
    """Nest's ``@UseFilters``: filters are tried from right to left, as in Nest.

    Only the first filter that catches the error runs.
    """
    return _extend(FILTERS, "use_filters", filters)


def catch(*exceptions: type[Exception]) -> Callable[[FilterClass], FilterClass]:
    """Nest's ``@Catch``: names the exceptions that a filter handles; by default all."""

    def decorate(cls: FilterClass) -> FilterClass:
        define_metadata(cls, CATCH, exceptions or (Exception,))
        return cls

    return decorate


def need_guard(target: object, decorator: str, guard: type) -> None:
    """Record that a decorator of a handler or class needs a guard: without it, boot fails."""
    extend_metadata(target, NEEDED_GUARDS, ((decorator, guard),))


def _extend(
    key: str, decorator: str, values: tuple[object, ...]
) -> Callable[[Decorated], Decorated]:
    if not values:
        raise BootError(f"@{decorator}() names nothing, so it has no effect; name a class")
    for value in values:
        if inspect.isfunction(value):
            raise BootError(
                f"@{decorator} was given the function {value.__name__}; "
                f"give it classes or instances, @{decorator}(SomeClass)"
            )

    def decorate(target: Decorated) -> Decorated:
        extend_metadata(target, key, values)
        return target

    return decorate
