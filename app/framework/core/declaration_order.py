"""Lists the providers of a module in the order of their declaration.

The ``container.traverse()`` of dependency-injector iterates over a set, so its order differs
between starts. The order of global guards and gateways must always be the same.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from dependency_injector import containers, providers

AnyProvider = providers.Provider[Any]

CONTAINERS = (providers.Container, providers.DependenciesContainer)


def in_declaration_order(container: containers.Container) -> tuple[AnyProvider, ...]:
    """Return all providers that a container declares or uses, without duplicates.

    The providers of a nested container are listed at the container's position. A provider that no
    container declares, such as an inline argument or an override, comes after the first provider
    that uses it.
    """
    declared: dict[AnyProvider, None] = {}
    _collect_declared(container.providers.values(), declared)
    ordered: dict[AnyProvider, None] = {}
    for provider in declared:
        _collect_with_undeclared(provider, declared, ordered)
    return tuple(ordered)


def dependencies_first(ordered: Iterable[AnyProvider]) -> Iterator[AnyProvider]:
    """Yield providers in the given order, but dependencies before the providers that use them."""
    visited: set[AnyProvider] = set()

    def visit(provider: AnyProvider) -> Iterator[AnyProvider]:
        if provider not in visited:
            visited.add(provider)
            if not isinstance(provider, CONTAINERS):  # a container does not depend on its children
                for each in _related(provider):
                    yield from visit(each)
            yield provider

    for provider in ordered:
        yield from visit(provider)


def effective(provider: AnyProvider) -> AnyProvider:
    """Return the provider that a call reaches: the last override or, without one, this provider."""
    while provider.overridden:
        provider = provider.overridden[-1]
    return provider


def module_of(provider: AnyProvider) -> containers.DynamicContainer | None:
    """Return the module that a provider holds: a nested module, or the override of one; or None."""
    held: object = None
    if isinstance(provider, providers.Container):
        held = provider.container
    elif type(provider) is providers.Object:
        held = provider()
    return held if isinstance(held, containers.DynamicContainer) else None


def class_of(module: containers.Container) -> type:
    """Return the class that declares a module. The module itself is a `DynamicContainer` object."""
    declared: Any = getattr(module, "declarative_parent", None)
    return declared or type(module)


def _related(provider: AnyProvider) -> Iterable[AnyProvider]:
    """Return the arguments and overrides of a provider; of an overridden import, only overrides."""
    if isinstance(provider, providers.Dependency) and provider.overridden:
        return provider.overridden
    return provider.related


def _collect_declared(found: Iterable[AnyProvider], declared: dict[AnyProvider, None]) -> None:
    for provider in found:
        if provider in declared:
            continue
        declared[provider] = None
        if isinstance(provider, CONTAINERS):
            # Collect the overriding containers first: they hold the providers in declaration order.
            # The children of the overridden container are only placeholders, in order of first use.
            for overriding in provider.overridden:
                _collect_declared(_children(overriding), declared)
            _collect_declared(_children(provider), declared)


def _children(provider: AnyProvider) -> Iterable[AnyProvider]:
    """Return the providers of a container; an overriding container is wrapped in an ``Object``."""
    held: Any = provider() if type(provider) is providers.Object else provider
    children: dict[str, AnyProvider] = getattr(held, "providers", {})
    return children.values()


def _collect_with_undeclared(
    provider: AnyProvider,
    declared: dict[AnyProvider, None],
    ordered: dict[AnyProvider, None],
) -> None:
    ordered[provider] = None
    for each in _related(provider):
        if each not in declared and each not in ordered:
            _collect_with_undeclared(each, declared, ordered)
