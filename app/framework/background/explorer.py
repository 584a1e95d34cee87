"""`Explorer`: reads the decorated methods of all providers at boot, like Nest's discovery service.

A decorator such as ``on_event`` has an effect only if the application imports the module that
reads it. At boot, a decorator that no module reads is an error.
"""

import inspect
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from app.framework.background.method_decorators import METHOD_DECORATORS, MethodDecorator
from app.framework.common.exceptions import BootError
from app.framework.common.metadata import get_metadata, has_metadata, methods_with_metadata


class Explorer(ABC):
    """Base class of a provider that reads the decorated methods of all other providers.

    In each phase of the start, the hooks of explorers run after the hooks of all other providers.
    In each phase of the stop, they run before the hooks of all other providers.

    Attributes:
        decorators: The decorators that `explore` reads.
    """

    decorators: ClassVar[tuple[MethodDecorator, ...]]

    @abstractmethod
    def explore(self, providers: Sequence[object]) -> None:
        """Read the methods of all providers; raise `BootError` if a decorator is used wrongly."""


def refuse_unread_decorators(cls: type, why: str) -> None:
    """Raise `BootError` if a method has a `MethodDecorator`; ``why`` says why it has no effect."""
    for name, method in methods_with_metadata(cls, METHOD_DECORATORS):
        decorator: MethodDecorator = get_metadata(method, METHOD_DECORATORS)[0]
        raise BootError(
            f"{cls.__name__}.{name}: @{decorator.name} has no effect, {why}; "
            f"provide it as providers.Singleton({cls.__name__}, ...)"
        )


def explore_last(providers: Sequence[object]) -> tuple[object, ...]:
    """Let all explorers read the other providers; return the providers with the explorers last.

    Raises:
        BootError: A decorator has no effect or a wrong argument, or a module is imported twice.
    """
    explorers = [each for each in providers if isinstance(each, Explorer)]
    others = [each for each in providers if not isinstance(each, Explorer)]
    read = [decorator for explorer in explorers for decorator in explorer.decorators]
    for decorator in read:
        if read.count(decorator) > 1:
            raise BootError(
                f"{decorator.module} is imported {read.count(decorator)} times; import it once, "
                "in the root module, and pass its providers to the other modules"
            )
    for cls in {type(provider): None for provider in others}:
        _refuse_lost_decorators(cls)
        for name, method in methods_with_metadata(cls, METHOD_DECORATORS):
            for decorator in get_metadata(method, METHOD_DECORATORS):
                _check_is_read(f"{cls.__name__}.{name}", decorator, read)
    for explorer in explorers:
        explorer.explore(others)
    return (*others, *explorers)


def _check_is_read(subject: str, decorator: MethodDecorator, read: Sequence[object]) -> None:
    if decorator not in read:
        raise BootError(
            f"{subject}: @{decorator.name} has no effect, because no module imports "
            f"{decorator.module}; add {decorator.module}.for_root() to the root module"
        )


def _refuse_lost_decorators(cls: type) -> None:
    """Raise `BootError` if a method overrides a decorated method without its decorators."""
    for owner in cls.__mro__[1:]:
        for name, replaced in vars(owner).items():
            method = inspect.getattr_static(cls, name)
            if method is replaced or not inspect.isfunction(replaced) or not has_metadata(replaced):
                continue
            for decorator in get_metadata(replaced, METHOD_DECORATORS) or ():
                if not inspect.isfunction(method) or get_metadata(method, decorator.key) is None:
                    raise BootError(
                        f"{cls.__name__}.{name} overrides {owner.__name__}.{name}, but does not "
                        f"inherit its @{decorator.name}; repeat the decorator"
                    )
