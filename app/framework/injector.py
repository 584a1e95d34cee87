"""What the framework needs of a dependency-injector container: instances by class, in order.

dependency-injector resolves by attribute name; Nest, and so our decorators, by class. The index
from class to provider is made once.
"""

import inspect
from collections.abc import Callable, Iterator, Sequence
from graphlib import TopologicalSorter
from typing import Any, TypeVar, get_type_hints

from dependency_injector import containers, errors, providers

from app.framework.decorators import GATEWAY_OPTIONS
from app.framework.exceptions import BootError
from app.framework.metadata import get_metadata

T = TypeVar("T")
AnyProvider = providers.Provider[Any]


class Injector:
    """A container's providers, found by class."""

    def __init__(self, container: containers.Container) -> None:
        self._container = container
        self._providers = tuple(container.traverse())
        for provider in self._providers:
            self._refuse_request_scope(provider)

    def check(self) -> None:
        """Everything that a module needs is there.

        Raises:
            BootError: Names what is missing.
        """
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
        found = self.find(token)
        if not found:
            raise BootError(f"{token.__name__} is no provider of any module; add it to one")
        if len(found) > 1:
            raise BootError(
                f"{token.__name__} has {len(found)} providers; ask for one of their classes"
            )
        instance: T = build(found[0])
        return instance

    def find(self, token: type) -> list[AnyProvider]:
        """Providers of exactly this class; else of its subclasses; else dependencies declared as it."""
        singletons = [each for each in self._providers if isinstance(each, providers.Singleton)]
        exact = [each for each in singletons if each.cls is token]
        if exact:
            return exact
        derived = [
            each for each in singletons if isinstance(each.cls, type) and token in each.cls.__mro__
        ]
        return derived or [
            each
            for each in self._providers
            if isinstance(each, providers.Dependency) and each.instance_of is token
        ]

    def resolve(self, reference: object, place: str) -> Any:
        """What a decorator names: an instance as it is, a class by its provider.

        Raises:
            BootError: The class is no provider.
        """
        if not isinstance(reference, type):
            return reference
        if not self.find(reference):
            raise BootError(
                f"{place} names {reference.__name__}, which is no provider; "
                f"add providers.Singleton({reference.__name__}, ...) to a module"
            )
        return self.get(reference)

    def of_kind(self, kind: type[providers.Singleton[Any]]) -> tuple[Any, ...]:
        """Instances of all providers of one kind, such as `AppGuard`, in their order."""
        return tuple(build(each) for each in self._providers if isinstance(each, kind))

    def marked(self, key: str) -> Iterator[Any]:
        """Instances of all provided classes that carry a mark."""
        for provider in self._providers:
            if (
                isinstance(provider, providers.Singleton)
                and isinstance(provider.cls, type)
                and get_metadata(provider.cls, key) is not None
            ):
                yield build(provider)

    def instances(self) -> list[object]:
        """Every singleton, built; each after those it was built from."""
        sorter: TopologicalSorter[AnyProvider] = TopologicalSorter()
        for provider in self._providers:
            sorter.add(provider, *provider.related)
        seen: dict[int, object] = {}
        for provider in sorter.static_order():
            if isinstance(provider, providers.Singleton):
                instance = build(provider)
                seen.setdefault(id(instance), instance)
        return list(seen.values())

    @staticmethod
    def _refuse_request_scope(provider: AnyProvider) -> None:
        if (
            isinstance(provider, providers.Factory)
            and isinstance(provider.cls, type)
            and get_metadata(provider.cls, GATEWAY_OPTIONS) is not None
        ):
            raise BootError(
                f"{provider.cls.__name__} is provided by a Factory: request scope is not supported; "
                "make it a providers.Singleton"
            )


def build(provider: AnyProvider) -> Any:
    """Call a provider, with a sentence for what commonly goes wrong.

    Raises:
        BootError: A constructor's arguments do not fit, or something it needs is missing.
    """
    try:
        return provider()
    except errors.Error as error:
        raise BootError(
            f"{error}: hand it to the module where it is created, or override it"
        ) from None
    except TypeError as error:
        name = getattr(getattr(provider, "cls", None), "__name__", str(provider))
        raise BootError(
            f"{name} cannot be built: {error}; compare its provider and its constructor"
        ) from error


def constructor_arguments(cls: Callable[..., Any], injector: Injector) -> dict[str, AnyProvider]:
    """Providers for a constructor's annotated parameters, found by class as Nest does."""
    init = cls.__init__ if isinstance(cls, type) else cls
    hints = get_type_hints(init)
    arguments: dict[str, AnyProvider] = {}
    for name, parameter in inspect.signature(cls).parameters.items():
        found: Sequence[AnyProvider] = injector.find(hints.get(name, object))
        if found:
            arguments[name] = found[0]
        elif parameter.default is inspect.Parameter.empty:
            wanted = getattr(hints.get(name), "__name__", "a type")
            raise BootError(f"{cls.__name__} needs {wanted} for '{name}', which is no provider")
    return arguments
