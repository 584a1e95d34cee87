"""The providers of a module in the order in which they are declared.

dependency-injector's own ``container.traverse()`` pops from a set, so its order changes from start
to start. The order of global guards and of gateways must not.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from dependency_injector import containers, providers

AnyProvider = providers.Provider[Any]

_CONTAINERS = (providers.Container, providers.DependenciesContainer)


def in_declaration_order(container: containers.Container) -> tuple[AnyProvider, ...]:
    """Every provider that a container reaches, once each.

    A nested container's providers stand where the container is declared. A provider that no
    container declares, such as an argument written in place or an override, stands behind the
    first provider that uses it.
    """
    declared: dict[AnyProvider, None] = {}
    _collect_declared(container.providers.values(), declared)
    ordered: dict[AnyProvider, None] = {}
    for provider in declared:
        _collect_with_undeclared(provider, declared, ordered)
    return tuple(ordered)


def dependencies_first(ordered: Iterable[AnyProvider]) -> Iterator[AnyProvider]:
    """The same providers, each behind those it is built from; otherwise in the order given."""
    visited: set[AnyProvider] = set()

    def visit(provider: AnyProvider) -> Iterator[AnyProvider]:
        if provider not in visited:
            visited.add(provider)
            if not isinstance(provider, _CONTAINERS):  # nothing is built from a container itself
                for each in provider.related:
                    yield from visit(each)
            yield provider

    for provider in ordered:
        yield from visit(provider)


def _collect_declared(found: Iterable[AnyProvider], declared: dict[AnyProvider, None]) -> None:
    for provider in found:
        if provider in declared:
            continue
        declared[provider] = None
        if isinstance(provider, _CONTAINERS):
            # The containers that override it come first: its own children are placeholders for
            # theirs, in the order in which somebody happened to ask for them.
            for overriding in provider.overridden:
                _collect_declared(_children(overriding), declared)
            _collect_declared(_children(provider), declared)


def _children(provider: AnyProvider) -> Iterable[AnyProvider]:
    """The providers of a container, which an override of a container holds in an ``Object``."""
    held: Any = provider() if type(provider) is providers.Object else provider
    children: dict[str, AnyProvider] = getattr(held, "providers", {})
    return children.values()


def _collect_with_undeclared(
    provider: AnyProvider,
    declared: dict[AnyProvider, None],
    ordered: dict[AnyProvider, None],
) -> None:
    ordered[provider] = None
    for each in provider.related:
        if each not in declared and each not in ordered:
            _collect_with_undeclared(each, declared, ordered)
