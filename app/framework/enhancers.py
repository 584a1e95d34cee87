"""Guards, interceptors, pipes and filters of a place: gathered and checked at boot."""

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from app.framework.decorators import FILTERS, GUARDS, INTERCEPTORS, PIPES
from app.framework.exceptions import BootError
from app.framework.filters import ExceptionFilter
from app.framework.guards import CanActivate
from app.framework.interceptors import NestInterceptor
from app.framework.metadata import get_metadata
from app.framework.pipes import PipeTransform

Resolve = Callable[[object, str], Any]
"""Turns a class named in a decorator into the container's instance; the text says who wants it."""


@dataclass(frozen=True, slots=True)
class Enhancers:
    """What stands around handlers, in the order in which it runs.

    Filters are in the order in which they are asked: the method's, the class's, the application's.
    """

    guards: tuple[CanActivate, ...] = ()
    interceptors: tuple[NestInterceptor, ...] = ()
    pipes: tuple[PipeTransform, ...] = ()
    filters: tuple[ExceptionFilter, ...] = ()


def extended(outer: Enhancers, target: object, place: str, resolve: Resolve) -> Enhancers:
    """The enhancers of ``outer`` and those that a class or method adds.

    Raises:
        BootError: A class is no provider, or one cannot be used.
    """

    def added(key: str, needed: type, wanted: str) -> tuple[Any, ...]:
        named = (
            resolve(reference, f"{place}: @{wanted}")
            for reference in get_metadata(target, key) or ()
        )
        return checked(named, needed, f"{place}: @{wanted} names")

    return Enhancers(
        guards=(*outer.guards, *added(GUARDS, CanActivate, "use_guards")),
        interceptors=(
            *outer.interceptors,
            *added(INTERCEPTORS, NestInterceptor, "use_interceptors"),
        ),
        pipes=(*outer.pipes, *added(PIPES, PipeTransform, "use_pipes")),
        filters=(*reversed(added(FILTERS, ExceptionFilter, "use_filters")), *outer.filters),
    )


def checked(instances: Iterable[Any], needed: type[Any], said: str) -> tuple[Any, ...]:
    """Enhancers that are what they stand for; ``said`` begins the sentence about one that is not.

    Raises:
        BootError: One cannot be used.
    """
    found = tuple(instances)
    for instance in found:
        name = type(instance).__name__
        if not isinstance(instance, needed):
            raise BootError(
                f"{said} {name}, which is no {needed.__name__}; let it extend {needed.__name__}"
            )
        if needed is ExceptionFilter and inspect.iscoroutinefunction(instance.catch):
            raise BootError(
                f"{said} {name}, whose catch is async; "
                "a filter answers at once, make it a plain method"
            )
    return found
