"""Determines the class by which a provider is found. In Nest this is the injection token."""

from collections.abc import Iterable
from types import NoneType, UnionType
from typing import Union, get_args, get_origin, get_type_hints

from dependency_injector import providers

from app.framework.core.declaration_order import AnyProvider, effective

WITH_PROVIDES = (
    providers.BaseSingleton,
    providers.Callable,
    providers.Factory,
    providers.Resource,
)
"""The kinds of providers whose attribute ``provides`` is the class or function that they call."""


class _NoClass:
    """The result of `provided_class` for a provider whose class is unknown."""


def provided_class(provider: AnyProvider) -> type:
    """Return the class by which a provider is found; `_NoClass` if there is none.

    This is the class that the provider instantiates, the class that its function is annotated to
    return, or the class of its value. Builtin classes such as ``str`` identify no provider.
    """
    found: object = None
    if type(provider) is providers.Object:
        found = type(provider.provides)
    elif isinstance(provider, providers.Singleton | providers.Factory):
        provides = provider.provides
        found = provides if isinstance(provides, type) else _returned_class(provides)
    return found if isinstance(found, type) and found.__module__ != "builtins" else _NoClass


def find_by_class(found: Iterable[AnyProvider], token: type) -> list[AnyProvider]:
    """Return the providers of a class or, if there are none, those of its subclasses.

    A provider and its override count as one provider, because they return the same instance.
    """
    classes = {each: provided_class(each) for each in found}
    exact = [each for each, cls in classes.items() if cls is token]
    derived = [each for each, cls in classes.items() if token in cls.__mro__]
    return without_aliases(exact or derived)


def without_aliases(found: Iterable[AnyProvider]) -> list[AnyProvider]:
    """Among providers whose calls reach the same provider, keep only the first."""
    first: dict[AnyProvider, AnyProvider] = {}
    for each in found:
        first.setdefault(effective(each), each)
    return list(first.values())


def annotated_class(annotation: object) -> type | None:
    """Return the class ``X`` of an annotation such as ``X``, ``X[Y]`` or ``X | None``."""
    if get_origin(annotation) in {Union, UnionType}:
        members = [each for each in get_args(annotation) if each is not NoneType]
        return annotated_class(members[0]) if len(members) == 1 else None
    found = get_origin(annotation) or annotation
    return found if isinstance(found, type) else None


def callee_name(provider: AnyProvider) -> str | None:
    """Return the name of the class or function that a provider calls; None if there is none."""
    provides: object = provider.provides if isinstance(provider, WITH_PROVIDES) else None
    name: str | None = getattr(provides, "__name__", None)
    return name


def _returned_class(function: object) -> object:
    try:
        returned = get_type_hints(function).get("return")
    except (NameError, TypeError):  # a name that only type checkers import, or no annotations
        return None
    return annotated_class(returned)
