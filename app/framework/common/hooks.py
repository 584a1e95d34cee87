"""The lifecycle hooks that every provider may have, as Protocols.

A provider implements a hook by defining a method with the hook's name. The method is sync or async,
and may take fewer arguments than the Protocol lists: surplus arguments are dropped, as in
JavaScript. ``core/lifecycle.py`` describes when hooks run.
"""

import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Protocol, runtime_checkable

from app.framework.common.exceptions import BootError

HookArguments = Mapping[str, tuple[str, ...]]
"""Maps the name of each hook to the names of the arguments that the hook receives."""

MODULE_HOOKS: HookArguments = {
    "on_module_init": (),
    "on_application_bootstrap": (),
    "on_drain": (),
    "on_module_destroy": (),
    "before_application_shutdown": ("signal",),
    "on_application_shutdown": ("signal",),
}
"""The hooks that every provider may have."""

POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
"""The kinds of parameters that accept a positional argument."""


def max_arguments(function: Callable[..., Any]) -> int | None:
    """Return the maximum number of positional arguments; None if the function accepts ``*args``."""
    kinds = [each.kind for each in inspect.signature(function).parameters.values()]
    if inspect.Parameter.VAR_POSITIONAL in kinds:
        return None
    return sum(kind in POSITIONAL for kind in kinds)


@runtime_checkable
class OnModuleInit(Protocol):
    """Opens connections and files at the start; a constructor must not open them."""

    def on_module_init(self) -> Awaitable[None] | None:
        """Open connections. If this raises, the application does not start."""


@runtime_checkable
class OnApplicationBootstrap(Protocol):
    """Runs after the ``on_module_init`` hooks of all providers, before the application listens."""

    def on_application_bootstrap(self) -> Awaitable[None] | None:
        """Start background work. If this raises, the application does not start."""


@runtime_checkable
class OnDrain(Protocol):
    """Runs after the stop signal, while clients are still served. Nest has no such hook."""

    def on_drain(self) -> Awaitable[None] | None:
        """Announce the shutdown, for example to a load balancer. Errors are logged."""


@runtime_checkable
class OnModuleDestroy(Protocol):
    """Stops the provider's own tasks while sockets are still connected."""

    def on_module_destroy(self) -> Awaitable[None] | None:
        """Stop background work. If this raises, the error is logged."""


@runtime_checkable
class BeforeApplicationShutdown(Protocol):
    """Runs after all ``on_module_destroy`` hooks, before the servers close."""

    def before_application_shutdown(self, signal: str | None) -> Awaitable[None] | None:
        """Prepare for the shutdown. Errors are logged. ``signal`` is a signal's name or None."""


@runtime_checkable
class OnApplicationShutdown(Protocol):
    """Closes resources that handlers used, after all sockets have disconnected."""

    def on_application_shutdown(self, signal: str | None) -> Awaitable[None] | None:
        """Close resources. Errors are logged. ``signal`` is a signal's name or None."""


def find_hook(provider: object, name: str, arguments: tuple[str, ...]) -> Callable[..., Any] | None:
    """Return a function that calls a provider's hook; None if the provider has no such method.

    The function takes all ``arguments`` and drops those that the hook does not accept.

    Raises:
        BootError: The hook cannot run, or has a parameter that receives no argument.
    """
    method = getattr(provider, name, None)
    if method is None:
        return None
    subject = f"{type(provider).__name__}.{name}"
    if not callable(method):
        raise BootError(
            f"{subject} is not a method, so it cannot run; make it a method or rename it"
        )
    is_generator = inspect.isgeneratorfunction(method) or inspect.isasyncgenfunction(method)
    if is_generator and inspect.isroutine(method):  # a mock may look like a generator
        raise BootError(f"{subject} is a generator, so it would not run; remove the yield")
    count = _count_accepted(method, arguments, subject)
    return method if count == len(arguments) else lambda *given: method(*given[:count])


def check_hooks(provider: object, hooks: HookArguments) -> None:
    """Raise a `BootError` for the first hook of the provider that cannot be called."""
    for name, arguments in hooks.items():
        find_hook(provider, name, arguments)


def nest_spelling(name: str) -> str:
    """Return a method's name in Nest's spelling, such as ``handleDisconnect``."""
    first, *others = name.split("_")
    return first + "".join(map(str.capitalize, others))


def refuse_nest_spelling(cls: type, names: Iterable[str]) -> None:
    """Raise a `BootError` if the class has one of these methods in Nest's spelling."""
    for name in names:
        in_nest = nest_spelling(name)
        if hasattr(cls, in_nest):
            raise BootError(f"{cls.__name__}.{in_nest} never runs; name it {name}")


def refuse_uncalled_methods(cls: type, remedies: Mapping[str, str]) -> None:
    """Raise a `BootError` if the class has a method of Nest that the framework does not call.

    Args:
        remedies: What to write instead of each method, by its name in snake_case. Nest's spelling
            of the name is refused too.
    """
    for method, remedy in remedies.items():
        for name in (method, nest_spelling(method)):
            if hasattr(cls, name):
                raise BootError(f"{cls.__name__}.{name} never runs; {remedy}")


def _count_accepted(method: Callable[..., Any], arguments: tuple[str, ...], subject: str) -> int:
    count = 0
    for parameter in inspect.signature(method).parameters.values():
        if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
            count = len(arguments)
        elif parameter.kind in POSITIONAL and count < len(arguments):
            count += 1
        elif (
            parameter.default is inspect.Parameter.empty
            and parameter.kind is not inspect.Parameter.VAR_KEYWORD
        ):
            raise BootError(
                f"{subject}: parameter '{parameter.name}' receives no argument; the hook is called "
                f"with ({', '.join(('self', *arguments))}), so remove the parameter or give it a "
                "default"
            )
    return count
