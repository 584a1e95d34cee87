"""dependency-injector's providers in Nest's roles: ``APP_GUARD`` and its kin, and imports.

``throttler = AppGuard(WsThrottlerGuard, limiter)`` in a module. Being ordinary providers, these
can be overridden in tests by their class, which Nest's cannot.
"""

from typing import Any

from dependency_injector import providers


class AppGuard(providers.Singleton[Any]):
    """A guard before every handler and every connect, ahead of class and method guards.

    Refused at boot in an application with controllers: it would not run before those.
    """


class AppInterceptor(providers.Singleton[Any]):
    """An interceptor around every handler, outermost."""


class AppPipe(providers.Singleton[Any]):
    """A pipe for every parameter, ahead of the others."""


class AppFilter(providers.Singleton[Any]):
    """A filter asked last, after those of method and class."""


def imported(
    token: Any, default: providers.Provider[Any] | None = None
) -> providers.Dependency[Any]:
    """Declare what a module needs and another provides, as Nest's ``imports`` do.

    Typed, unlike a whole imported container: so it can be overridden by its class in tests, and
    what is handed in is checked.

    Args:
        token: A class or a port (a runtime-checkable Protocol).
        default: Provides it where nobody else does.
    """
    return providers.Dependency(instance_of=token, default=default)
