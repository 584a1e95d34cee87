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
"""Pairs of a decorator's name and the class of the guard that reads the decorator."""

FilterClass = TypeVar("FilterClass", bound=type)


def use_guards(*guards: object) -> Callable[[Decorated], Decorated]:
    """Nest's ``@UseGuards``: classes (providers of a module) or instances, run left to right."""
    return _extend(GUARDS, "use_guards", guards)


def use_pipes(*pipes: object) -> Callable[[Decorated], Decorated]:
    """Nest's ``@UsePipes``: classes (providers of a module) or instances, run left to right."""
    return _extend(PIPES, "use_pipes", pipes)


def use_interceptors(*interceptors: object) -> Callable[[Decorated], Decorated]:
    """Nest's ``@UseInterceptors``: classes (module providers) or instances, outermost first."""
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
    """Let boot fail if a handler has this decorator, but the guard does not run for the handler."""
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
