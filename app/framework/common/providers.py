"""Global enhancers and imports, which a module declares next to its other providers.

`AppGuard`, `AppPipe`, `AppInterceptor` and `AppFilter` are Nest's ``APP_GUARD`` and the like. Write
``throttler = AppGuard(WsThrottlerGuard, limiter)`` in a module. The four classes are singleton
providers of dependency-injector, so tests can override the enhancers by class, unlike in Nest.
"""

from typing import Any, TypeVar, get_origin

from dependency_injector import containers, providers

from app.framework.common.exceptions import BootError
from app.framework.common.metadata import define_metadata

GLOBAL = "nest:global-module"

ModuleClass = TypeVar("ModuleClass", bound=containers.DeclarativeContainer)


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

    ``token`` is a class or a runtime-checkable Protocol; ``ConfigService[AppSettings]`` means
    ``ConfigService``. The provided object must be an instance of ``token``. Tests override the
    dependency by the same ``token``.

    The parent module may pass the provider in. Otherwise a `global_` module's provider is used. If
    no `global_` module provides ``token``, ``default`` is used.
    """
    return providers.Dependency(instance_of=get_origin(token) or token, default=default)


def global_(module: type[ModuleClass]) -> type[ModuleClass]:
    """Nest's ``@Global``: every module may import the providers of this module.

    Other modules write ``imported(SomeClass)``; their parent modules need not pass the provider in.
    The global module must be the root module, or be nested in the root module at any depth.
    """
    if not issubclass(module, containers.DeclarativeContainer):
        raise BootError(
            f"{module.__name__}: @global_ has no effect on a class that is not a module; "
            "derive it from containers.DeclarativeContainer"
        )
    define_metadata(module, GLOBAL, value=True)
    return module
