"""Refuses the providers of dependency-injector that an application cannot build or close."""

import inspect

from dependency_injector import providers

from app.framework.common.exceptions import BootError
from app.framework.core.declaration_order import AnyProvider
from app.framework.core.provided_class import WITH_PROVIDES, callee_name

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


def refuse_unsupported(provider: AnyProvider) -> None:
    """Raise `BootError` if the kind of a provider, or a generator that it calls, is unsupported."""
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
