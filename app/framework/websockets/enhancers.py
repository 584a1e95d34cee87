"""Guards, interceptors, pipes and filters of a gateway or handler, collected and checked at boot.

Nest calls the four kinds "enhancers".
"""

import inspect
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from app.framework.common.decorators import (
    CATCH,
    FILTERS,
    GUARDS,
    INTERCEPTORS,
    NEEDED_GUARDS,
    PIPES,
)
from app.framework.common.exceptions import BootError
from app.framework.common.filters import ExceptionFilter
from app.framework.common.guards import CanActivate
from app.framework.common.interceptors import NestInterceptor
from app.framework.common.metadata import get_metadata
from app.framework.common.pipes import PipeTransform, ignores_transform

Resolve = Callable[[object, str], Any]
"""Takes a class or instance that a decorator names, and the start of error messages.

Returns the instance.
"""

_METHODS: dict[type, str] = {
    CanActivate: "can_activate",
    ExceptionFilter: "catch",
    NestInterceptor: "intercept",
    PipeTransform: "transform",
}
"""The method that the pipeline calls, for each kind of enhancer."""


@dataclass(frozen=True, slots=True)
class Enhancers:
    """All enhancers of a handler, in the order in which they run.

    Filters are in the order in which they are tried: method, class, application.
    """

    guards: tuple[CanActivate, ...] = ()
    interceptors: tuple[NestInterceptor, ...] = ()
    pipes: tuple[PipeTransform, ...] = ()
    filters: tuple[ExceptionFilter, ...] = ()


def collect_enhancers(
    outer: Enhancers, target: object, subject: str, resolve: Resolve
) -> Enhancers:
    """Return the enhancers of ``outer`` plus those that decorators of ``target`` name.

    Raises:
        BootError: No module provides a class that a decorator names, or `check_enhancers` raises.
    """

    def named_by(decorator: str, key: str, kind: type) -> tuple[Any, ...]:
        instances = (
            resolve(reference, f"{subject}: @{decorator}")
            for reference in get_metadata(target, key) or ()
        )
        return check_enhancers(instances, kind, f"{subject}: @{decorator} names")

    guards = named_by("use_guards", GUARDS, CanActivate)
    interceptors = named_by("use_interceptors", INTERCEPTORS, NestInterceptor)
    pipes = named_by("use_pipes", PIPES, PipeTransform)
    filters = named_by("use_filters", FILTERS, ExceptionFilter)
    return Enhancers(
        guards=(*outer.guards, *guards),
        interceptors=(*outer.interceptors, *interceptors),
        pipes=(*outer.pipes, *pipes),
        filters=(*reversed(filters), *outer.filters),
    )


def check_needed_guards(
    cls: type, method: object, guards: Sequence[CanActivate], subject: str, resolve: Resolve
) -> None:
    """Raise `BootError` if a decorator of a handler or its class needs a guard that does not run.

    Args:
        cls: The class of the handler ``method``.
        guards: The guards that run for the handler.
    """
    for target, owner in ((method, ""), (cls, f" of {cls.__name__}")):
        for decorator, needed in get_metadata(target, NEEDED_GUARDS) or ():
            if not _is_among(needed, guards, resolve):
                raise BootError(
                    f"{subject}: @{decorator}{owner} has no effect without {needed.__name__}; "
                    "add it to @use_guards"
                )


def check_enhancers(instances: Iterable[Any], kind: type[Any], subject: str) -> tuple[Any, ...]:
    """Return the instances; raise `BootError` if one is not a working enhancer of this kind."""
    found = tuple(instances)
    for instance in found:
        if isinstance(instance, type):
            raise BootError(f"{subject} the class {instance.__name__}; give an instance of it")
        name = type(instance).__name__
        if not isinstance(instance, kind):
            raise BootError(
                f"{subject} {name}, which does not implement {kind.__name__}; "
                f"derive it from {kind.__name__}"
            )
        _check_method(instance, kind, f"{subject} {name}")
        if kind is ExceptionFilter:
            _check_caught(instance, f"{subject} {name}")
        elif kind is PipeTransform and ignores_transform(instance):
            raise BootError(
                f"{subject} {name}, which overrides transform, but its base class uses bind; "
                "override bind instead"
            )
    return found


def _is_among(needed: type, guards: Sequence[CanActivate], resolve: Resolve) -> bool:
    """Return whether one of the guards is the needed one, or replaces the needed one in a test."""
    if any(isinstance(guard, needed) for guard in guards):
        return True
    try:
        replacement = resolve(needed, needed.__name__)
    except BootError:  # no module provides the needed guard
        return False
    return any(guard is replacement for guard in guards)


def _check_method(instance: object, kind: type, subject: str) -> None:
    method = _METHODS[kind]
    if not issubclass(type(instance), kind):  # a mock: inspect may report its methods as generators
        return
    inherited = getattr(type(instance), method, None) is getattr(kind, method)
    if inherited and kind is not PipeTransform:
        raise BootError(f"{subject}, which does not override {method}; add the method")
    bound = getattr(instance, method)
    if inspect.isgeneratorfunction(bound) or (
        inspect.isasyncgenfunction(bound) and kind is not NestInterceptor
    ):
        # A generator object is always truthy: such a guard would admit every client.
        raise BootError(f"{subject}, whose {method} is a generator; use return instead of yield")


def _check_caught(instance: object, subject: str) -> None:
    for caught in get_metadata(type(instance), CATCH) or ():
        if not (isinstance(caught, type) and issubclass(caught, Exception)):
            raise BootError(
                f"{subject}, whose @catch names {caught!r}; "
                "name subclasses of Exception, or nothing to catch all"
            )
