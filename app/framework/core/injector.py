"""What the framework needs of a dependency-injector container: instances by class, in order.

dependency-injector resolves by attribute name; Nest, and so our decorators, by class. The index
from class to provider is made once.
"""

import asyncio
import inspect
from collections.abc import Iterable
from typing import Any, NoReturn, TypeVar

from dependency_injector import containers, errors, providers

from app.framework.common.exceptions import BootError
from app.framework.common.metadata import get_metadata
from app.framework.core.declaration_order import (
    AnyProvider,
    dependencies_first,
    in_declaration_order,
)
from app.framework.core.placement import refuse_idle_hooks, refuse_unbound, refuse_without_effect

T = TypeVar("T")

_VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
_MAKERS = (
    providers.BaseSingleton,
    providers.Callable,
    providers.Factory,
    providers.Resource,
)
"""The kinds of providers that name what they make in ``provides``."""


class Injector:
    """A container's providers, found by class, in the order in which they are declared."""

    def __init__(self, container: containers.Container) -> None:
        self._container = container
        self._providers = in_declaration_order(container)

    def check(self) -> None:
        """Check that everything a module needs is there, and that every decorator has an effect.

        Raises:
            BootError: Names what is missing, or the decorator.
        """
        for provider in self._providers:
            provides: object = provider.provides if isinstance(provider, _MAKERS) else None
            if isinstance(provides, type):
                refuse_without_effect(provides)
                if not isinstance(provider, providers.Singleton):
                    how = f"is provided by a {type(provider).__name__}"
                    refuse_unbound(provides, how)
                    refuse_idle_hooks(provides, how)
        try:
            self._container.check_dependencies()
        except errors.Error as error:
            raise BootError(
                f"{error}: hand it to the module where it is created, or override its provider"
            ) from None

    def get(self, token: type[T]) -> T:
        """The instance of a class, or of the one provider that stands for a port.

        Raises:
            BootError: No provider, several, or one that cannot be built.
        """
        instance: T = build(self.provider_of(token))
        return instance

    def provider_of(self, token: type) -> AnyProvider:
        """The one provider of a class or of a port.

        Raises:
            BootError: There is none, or several.
        """
        found = self.find(token)
        if not found:
            raise BootError(f"{token.__name__} is no provider of any module; add it to one")
        if len(found) > 1:
            raise BootError(
                f"{token.__name__} has {len(found)} providers; ask for one of their classes"
            )
        return found[0]

    def find(self, token: type) -> list[AnyProvider]:
        """Providers of this class; else of its subclasses; else dependencies declared as it."""
        exact = [each for each in self._providers if provided_class(each) is token]
        derived = [each for each in self._providers if token in provided_class(each).__mro__]
        declared = [each for each in self._providers if _declared_class(each) is token]
        return exact or derived or declared

    def resolve(self, reference: object, place: str) -> Any:
        """What a decorator names: an instance as it is, a class by its provider.

        Raises:
            BootError: The class is no provider.
        """
        if not isinstance(reference, type):
            return reference
        if not self.find(reference):
            raise BootError(
                f"{place} names {reference.__name__}, of which no module has a Singleton; "
                f"add providers.Singleton({reference.__name__}, ...) to one"
            )
        return self.get(reference)

    def of_kind(self, kind: type[providers.Singleton[Any]]) -> tuple[Any, ...]:
        """The instances of all providers of one kind, such as `AppGuard`, each once."""
        return _each_once(build(each) for each in self._providers if isinstance(each, kind))

    def marked(self, key: str) -> tuple[Any, ...]:
        """Instances of all provided classes that carry a mark, each once."""
        marked = (
            build(provider)
            for provider in self._providers
            if get_metadata(provided_class(provider), key) is not None
        )
        # What overrides a provider may lack its mark, and may be a provider here as well.
        return _each_once(each for each in marked if get_metadata(type(each), key) is not None)

    def instances(self) -> tuple[object, ...]:
        """Build every singleton; in declaration order, each after those it is built from.

        An object that a ``providers.Object`` holds counts as a singleton.
        """
        built = (
            build(provider)
            for provider in dependencies_first(self._providers)
            if isinstance(provider, providers.Singleton) or type(provider) is providers.Object
        )
        return _each_once(
            each for each in built if not isinstance(each, type | containers.Container)
        )


def _each_once(instances: Iterable[Any]) -> tuple[Any, ...]:
    """Without repetitions; by identity, as instances need not be hashable."""
    return tuple({id(each): each for each in instances}.values())


class _NotAClass:
    """Stands where a provider has no class: a function makes what it provides, or another does."""


def provided_class(provider: AnyProvider) -> type:
    """The class that a singleton is an instance of, as far as the provider knows."""
    provides: object = provider.provides if isinstance(provider, providers.Singleton) else None
    return provides if isinstance(provides, type) else _NotAClass


def _declared_class(provider: AnyProvider) -> object:
    return provider.instance_of if isinstance(provider, providers.Dependency) else None


def build(provider: AnyProvider) -> Any:
    """Call a provider, with a sentence for what commonly goes wrong.

    Raises:
        BootError: A constructor's arguments do not fit, something it needs is missing, or it can
            only be awaited.
    """
    try:
        instance = provider()
    except errors.Error as error:
        raise BootError(
            f"{error}: hand it to the module where it is created, or override it"
        ) from None
    except TypeError as error:
        name = provided_class(provider).__name__
        raise BootError(
            f"{name} cannot be built: {error}; compare its provider and its constructor"
        ) from error
    if inspect.isawaitable(instance):
        _refuse_awaitable(provider, instance)
    return instance


def _refuse_awaitable(provider: AnyProvider, instance: Any) -> NoReturn:
    """Refuse what an async function makes: its gateways, guards and hooks would not be found."""
    if isinstance(instance, asyncio.Future):
        instance.cancel()
    elif inspect.iscoroutine(instance):
        instance.close()
    provides: object = getattr(provider, "provides", None)
    name = getattr(provides, "__name__", type(provider).__name__)
    raise BootError(
        f"{name}, or something it is built from, is made by an async function; "
        "make it in a plain one, and await in on_module_init"
    )


def constructor_arguments(cls: type, injector: Injector) -> dict[str, AnyProvider]:
    """Providers for a constructor's annotated parameters, found by class as Nest does."""
    arguments: dict[str, AnyProvider] = {}
    for name, parameter in inspect.signature(cls, eval_str=True).parameters.items():
        if parameter.kind in _VARIADIC:  # the constructor of a Protocol's subclass without its own
            continue
        found = injector.find(parameter.annotation)
        if found:
            arguments[name] = found[0]
        elif parameter.default is inspect.Parameter.empty:
            wanted = getattr(parameter.annotation, "__name__", parameter.annotation)
            raise BootError(f"{cls.__name__} needs {wanted} for '{name}', which is no provider")
    return arguments
