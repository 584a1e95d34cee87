"""Providers like Nest's ``APP_GUARD``, ``APP_PIPE``, ``APP_INTERCEPTOR`` and ``APP_FILTER``.

Write ``throttler = AppGuard(WsThrottlerGuard, limiter)`` in a module. All four are ordinary
providers of dependency-injector, so tests can override them by class, unlike in Nest.
"""

from typing import Any

from dependency_injector import providers


class AppGuard(providers.Singleton[Any]):
    """A guard that runs for every event, connecting socket and HTTP request, before other guards.

    ``context.get_type()`` distinguishes gateways and controllers.
    """


class AppInterceptor(providers.Singleton[Any]):
    """An interceptor that runs around every handler, outside all other interceptors."""


class AppPipe(providers.Singleton[Any]):
    """A pipe that runs for every parameter, before all other pipes."""


class AppFilter(providers.Singleton[Any]):
    """A filter for errors that no filter of the method or the class catches."""


def imported(
    token: Any, default: providers.Provider[Any] | None = None
) -> providers.Dependency[Any]:
    """Declare a dependency that another module provides, like Nest's ``imports``.

    ``token`` is a class or a runtime-checkable Protocol. The provided object must be an instance of
    ``token``. Tests override the dependency by passing the same ``token``.
    """
    return providers.Dependency(instance_of=token, default=default)
