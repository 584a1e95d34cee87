"""Fills imports that no parent module passes in: with a global module's provider or `ModuleRef`."""

from collections.abc import Iterable, Iterator

from dependency_injector import containers, providers

from app.framework.common.exceptions import BootError
from app.framework.common.metadata import get_metadata
from app.framework.common.providers import GLOBAL
from app.framework.core.declaration_order import (
    AnyProvider,
    class_of,
    in_declaration_order,
    module_of,
)
from app.framework.core.provided_class import find_by_class


def fill_imports(container: containers.Container, shared: AnyProvider) -> None:
    """Fill each `imported` dependency that has no provider with the provider of a global module.

    Args:
        container: The root module of the application.
        shared: Another provider that every module may import.

    Raises:
        BootError: Several providers in global modules have the imported class.
    """
    ordered = in_declaration_order(container)
    modules = (container, *filter(None, map(module_of, ordered)))
    offered = (shared, *_of_global_modules(modules))
    for each in ordered:
        if not isinstance(each, providers.Dependency) or each.overridden:
            continue
        if each.instance_of is object:  # a placeholder, used until the imported module is passed in
            continue
        found = find_by_class(offered, each.instance_of)
        if len(found) > 1:
            raise BootError(
                f"{each.instance_of.__name__} has {len(found)} providers in global modules; "
                "import one of their classes instead, or pass the provider to the module"
            )
        if found:
            each.override(found[0])


def _of_global_modules(modules: Iterable[containers.Container]) -> Iterator[AnyProvider]:
    for module in modules:
        if get_metadata(class_of(module), GLOBAL):
            yield from in_declaration_order(module)
