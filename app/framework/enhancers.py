"""Nest's ``APP_GUARD`` and its kin: providers of a module whose instances reach every gateway.

``throttler = AppGuard(WsThrottlerGuard, limiter=limiter)`` in a module. Being ordinary providers,
they can be overridden in tests by their class, which Nest's cannot.
"""

from dependency_injector.providers import Singleton


class AppGuard(Singleton):
    """A guard before every handler and every connect, ahead of class and method guards."""


class AppInterceptor(Singleton):
    """An interceptor around every handler, outermost."""


class AppPipe(Singleton):
    """A pipe for every parameter, ahead of the others."""


class AppFilter(Singleton):
    """A filter asked last, after those of method and class."""
