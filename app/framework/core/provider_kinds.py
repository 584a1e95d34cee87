"""Refuses module attributes whose instances the application could not build or close."""

import inspect
from typing import Any

from dependency_injector import containers, providers

from app.framework.common.exceptions import BootError
from app.framework.core.declaration_order import AnyProvider, class_of
from app.framework.core.misplaced_decorators import is_discovered
from app.framework.core.provided_class import WITH_PROVIDES, annotated_class, callee_name

_NO_REQUEST_SCOPE = (
    "request scope is not supported. Use providers.Singleton, and keep the data of one client in "
    "client.data"
)
_REASONS = {
    providers.ContextLocalSingleton: _NO_REQUEST_SCOPE,
    providers.ThreadLocalSingleton: _NO_REQUEST_SCOPE,
    providers.ThreadSafeSingleton: (
        "handlers run in one thread, and only a Singleton is found by its class. "
        "Use providers.Singleton"
    ),
    providers.Resource: (
        "the application does not close resources. Use providers.Singleton, and close the "
        "instance in its on_application_shutdown"
    ),
}


def refuse_attributes_without_provider(module: containers.Container) -> None:
    """Raise `BootError` if an attribute is a class, module, gateway or controller, not a provider.

    dependency-injector ignores such an attribute. Names that start with ``_`` are not checked.
    """
    for owner in class_of(module).__mro__:
        if owner.__module__.startswith("dependency_injector."):
            break
        for name, value in vars(owner).items():
            if not name.startswith("_") and (fix := _provider_for(value)):
                raise BootError(
                    f"{owner.__name__}.{name} is not a provider, so nothing is built from it; "
                    f"write {name} = {fix}"
                )


def _provider_for(value: object) -> str | None:
    """Return the provider to write instead of an attribute's value; None if the value is valid."""
    if isinstance(value, containers.Container):
        return f"providers.Container({class_of(value).__name__})"
    if isinstance(value, type):
        if not issubclass(value, containers.DeclarativeContainer):
            return f"providers.Singleton({value.__name__})"
        if hasattr(value, "for_root"):
            return f"{value.__name__}.for_root(...)"
        return f"providers.Container({value.__name__})"
    if is_discovered(type(value)):
        return f"providers.Singleton({type(value).__name__})"
    return None


def refuse_class_arguments(provider: AnyProvider) -> None:
    """Raise `BootError` if an argument is a class, but the parameter needs its instance."""
    if not isinstance(provider, providers.Singleton | providers.Factory):
        return
    provides: Any = provider.provides
    try:
        signature = inspect.signature(provides, eval_str=True)
        given = signature.bind_partial(*provider.args, **provider.kwargs).arguments
    except (NameError, TypeError, ValueError):  # no annotations, or a mistake that `build` reports
        return
    for name, value in given.items():
        wanted = annotated_class(signature.parameters[name].annotation)
        if isinstance(value, type) and wanted is not object and wanted in value.__mro__:
            raise BootError(
                f"{callee_name(provider)} would receive the class {value.__name__} for '{name}'; "
                f"pass the provider of {value.__name__}"
            )


def refuse_unsupported(provider: AnyProvider) -> None:
    """Raise `BootError` if a provider is of an unsupported kind, or calls a generator."""
    name = callee_name(provider)
    for kind, reason in _REASONS.items():
        if isinstance(provider, kind):
            raise BootError(f"{name} is provided by a {type(provider).__name__}: {reason}")
    provides: object = provider.provides if isinstance(provider, WITH_PROVIDES) else None
    if inspect.isgeneratorfunction(provides) or inspect.isasyncgenfunction(provides):
        raise BootError(
            f"{name} is a generator, so its dependents would receive the generator; return the "
            "instance, and close it in its on_application_shutdown"
        )
