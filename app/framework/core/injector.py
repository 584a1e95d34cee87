"""`Injector`: finds the providers of a dependency-injector container by class.

dependency-injector finds a provider by the name of an attribute. Nest and our decorators find
providers by class.
"""

import asyncio
import inspect
from collections.abc import Iterable
from typing import Any, NoReturn, TypeVar

from dependency_injector import containers, errors, providers

from app.framework.background.explorer import refuse_unread_decorators
from app.framework.common.exceptions import BootError
from app.framework.common.metadata import get_metadata
from app.framework.core.declaration_order import (
    AnyProvider,
    dependencies_first,
    in_declaration_order,
)
from app.framework.core.misplaced_decorators import (
    refuse_hooks_that_never_run,
    refuse_misplaced_decorators,
    refuse_undiscovered,
)

T = TypeVar("T")

_VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
_WITH_PROVIDES = (
    providers.BaseSingleton,
    providers.Callable,
    providers.Factory,
    providers.Resource,
)
"""The kinds of providers that have ``provides``, the class or function that they call."""


class Injector:
    """Finds the providers of a container by class; keeps them in the order of declaration."""

    def __init__(self, container: containers.Container) -> None:
        self._container = container
        self._providers = in_declaration_order(container)

    def check(self) -> None:
        """Raise `BootError` if a dependency is not provided, or if a decorator has no effect."""
        for provider in self._providers:
            provides: object = provider.provides if isinstance(provider, _WITH_PROVIDES) else None
            if isinstance(provides, type):
                refuse_misplaced_decorators(provides)
                if not isinstance(provider, providers.Singleton):
                    how = f"is provided by a {type(provider).__name__}"
                    refuse_undiscovered(provides, how)
                    refuse_hooks_that_never_run(provides, how)
                    refuse_unread_decorators(provides, f"because the class {how}")
        try:
            self._container.check_dependencies()
        except errors.Error as error:
            raise BootError(
                f"{error}: pass it to the module's constructor, or override its provider"
            ) from None

    def get(self, token: type[T]) -> T:
        """Return the instance of a class, or the implementation of a port.

        Raises:
            BootError: There is no provider or more than one, or the provider fails.
        """
        instance: T = build(self.provider_of(token))
        return instance

    def provider_of(self, token: type) -> AnyProvider:
        """Return the provider of a class or port; raise `BootError` if there is not exactly one."""
        found = self.find(token)
        if not found:
            raise BootError(f"No module provides {token.__name__}; add a provider for it")
        if len(found) > 1:
            raise BootError(
                f"{token.__name__} has {len(found)} providers; get one of their classes instead"
            )
        return found[0]

    def find(self, token: type) -> list[AnyProvider]:
        """Return the providers of a class or, if there are none, those of its subclasses.

        If no subclass has a provider, return the dependencies that `imported` declares with this
        class.
        """
        exact = [each for each in self._providers if provided_class(each) is token]
        derived = [each for each in self._providers if token in provided_class(each).__mro__]
        declared = [each for each in self._providers if _declared_class(each) is token]
        return exact or derived or declared

    def resolve(self, reference: object, subject: str) -> Any:
        """Return an instance unchanged; for a class, find its instance or raise `BootError`."""
        if not isinstance(reference, type):
            return reference
        if not self.find(reference):
            raise BootError(
                f"{subject} names {reference.__name__}, but no module provides it; "
                f"add providers.Singleton({reference.__name__}, ...) to a module"
            )
        return self.get(reference)

    def of_kind(self, kind: type[providers.Singleton[Any]]) -> tuple[Any, ...]:
        """Return the instances of all providers of a kind, such as `AppGuard`, each once."""
        return _without_duplicates(
            build(each) for each in self._providers if isinstance(each, kind)
        )

    def with_metadata(self, key: str) -> tuple[Any, ...]:
        """Return the instances of all classes with a metadata key, without duplicates."""
        instances = (
            build(provider)
            for provider in self._providers
            if get_metadata(provided_class(provider), key) is not None
        )
        # An overridden provider returns an instance of another class. That class may lack the key,
        # and another provider may return the same instance.
        return _without_duplicates(
            each for each in instances if get_metadata(type(each), key) is not None
        )

    def instances(self) -> tuple[object, ...]:
        """Build all singletons in the order of declaration, each one after its dependencies.

        The object of a ``providers.Object`` counts as a singleton.
        """
        built = (
            build(provider)
            for provider in dependencies_first(self._providers)
            if isinstance(provider, providers.Singleton) or type(provider) is providers.Object
        )
        return _without_duplicates(
            each for each in built if not isinstance(each, type | containers.Container)
        )


def _without_duplicates(instances: Iterable[Any]) -> tuple[Any, ...]:
    """Remove duplicates by identity, because some instances are not hashable."""
    return tuple({id(each): each for each in instances}.values())


class _NoClass:
    """The result of `provided_class` for a provider whose class is unknown."""


def provided_class(provider: AnyProvider) -> type:
    """Return the class that the provider of a singleton declares; `_NoClass` if unknown."""
    provides: object = provider.provides if isinstance(provider, providers.Singleton) else None
    return provides if isinstance(provides, type) else _NoClass


def _declared_class(provider: AnyProvider) -> object:
    return provider.instance_of if isinstance(provider, providers.Dependency) else None


def build(provider: AnyProvider) -> Any:
    """Call a provider; convert common mistakes to errors that explain the fix.

    Raises:
        BootError: The arguments do not match the constructor, a dependency is missing, or the
            result is awaitable.
    """
    try:
        instance = provider()
    except errors.Error as error:
        raise BootError(
            f"{error}: pass it to the module's constructor, or override its provider"
        ) from None
    except TypeError as error:
        name = provided_class(provider).__name__
        raise BootError(
            f"{name} cannot be built: {error}; compare its provider with its constructor"
        ) from error
    if inspect.isawaitable(instance):
        _refuse_awaitable(provider, instance)
    return instance


def _refuse_awaitable(provider: AnyProvider, instance: Any) -> NoReturn:
    """Refuse an awaitable, because the injector cannot read the decorators of its result."""
    if isinstance(instance, asyncio.Future):
        instance.cancel()
    elif inspect.iscoroutine(instance):
        instance.close()
    provides: object = getattr(provider, "provides", None)
    name = getattr(provides, "__name__", type(provider).__name__)
    raise BootError(
        f"{name} or one of its dependencies comes from an async function; "
        "use a plain function, and await in on_module_init"
    )


def constructor_arguments(cls: type, injector: Injector) -> dict[str, AnyProvider]:
    """Return a provider for each parameter of a constructor, found by its annotation as in Nest.

    Raises:
        BootError: A parameter without a default has no provider.
    """
    arguments: dict[str, AnyProvider] = {}
    for name, parameter in inspect.signature(cls, eval_str=True).parameters.items():
        if parameter.kind in _VARIADIC:  # a subclass of a Protocol that defines no constructor
            continue
        found = injector.find(parameter.annotation)
        if found:
            arguments[name] = found[0]
        elif parameter.default is inspect.Parameter.empty:
            wanted = getattr(parameter.annotation, "__name__", parameter.annotation)
            raise BootError(f"{cls.__name__} needs {wanted} for '{name}', which no module provides")
    return arguments
