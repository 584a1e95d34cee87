"""Guards, interceptors, pipes and filters of a place: gathered and checked at boot."""

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from app.framework.common.decorators import CATCH, FILTERS, GUARDS, INTERCEPTORS, PIPES
from app.framework.common.exceptions import BootError
from app.framework.common.filters import ExceptionFilter
from app.framework.common.guards import CanActivate
from app.framework.common.interceptors import NestInterceptor
from app.framework.common.metadata import get_metadata
from app.framework.common.pipes import PipeTransform, overlooks_transform

Resolve = Callable[[object, str], Any]
"""Turns a class named in a decorator into the container's instance; the text says who wants it."""

_METHODS: dict[type, str] = {
    CanActivate: "can_activate",
    ExceptionFilter: "catch",
    NestInterceptor: "intercept",
    PipeTransform: "transform",
}
"""What the pipeline calls of each."""


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
        if isinstance(instance, type):
            raise BootError(f"{said} the class {instance.__name__}; give an instance of it")
        name = type(instance).__name__
        if not isinstance(instance, needed):
            raise BootError(
                f"{said} {name}, which is no {needed.__name__}; let it extend {needed.__name__}"
            )
        _check_method(instance, needed, f"{said} {name}")
        if needed is ExceptionFilter:
            _check_caught(instance, f"{said} {name}")
        elif needed is PipeTransform and overlooks_transform(instance):
            raise BootError(
                f"{said} {name}, which overrides transform; its base class works by bind, so "
                "override bind"
            )
    return found


def _check_method(instance: object, needed: type, said: str) -> None:
    """The method that the pipeline calls is there and gives a verdict, value or answer."""
    method = _METHODS[needed]
    inherited = getattr(type(instance), method, None) is getattr(needed, method)
    if inherited and needed is not PipeTransform:
        raise BootError(f"{said}, which does not override {method}; write it")
    bound = getattr(instance, method)
    if inspect.isgeneratorfunction(bound) or (
        inspect.isasyncgenfunction(bound) and needed is not NestInterceptor
    ):
        # A generator is true, whatever it yields: a guard would let everybody pass.
        raise BootError(f"{said}, whose {method} is a generator; return instead of yielding")


def _check_caught(instance: object, said: str) -> None:
    for caught in get_metadata(type(instance), CATCH) or ():
        if not (isinstance(caught, type) and issubclass(caught, Exception)):
            raise BootError(
                f"{said}, which is to catch {caught!r}; "
                "@catch takes subclasses of Exception, or nothing for all"
            )
