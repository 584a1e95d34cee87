"""Method decorators, such as ``on_event``, that have an effect only if a module is imported."""

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from app.framework.common.exceptions import BootError
from app.framework.common.hooks import POSITIONAL, max_arguments
from app.framework.common.metadata import extend_metadata, get_metadata, methods_with_metadata

METHOD_DECORATORS = "background:method_decorators"
"""The metadata key for the tuple of a method's `MethodDecorator` objects."""


@dataclass(frozen=True, slots=True)
class MethodDecorator:
    """A decorator of methods, such as ``on_event``, and the module that must be imported for it."""

    name: str
    module: str

    @property
    def key(self) -> str:
        """The metadata key for a tuple of the decorator's values, one for each use on a method."""
        return f"@{self.name}"


@dataclass(frozen=True, slots=True)
class Handler:
    """A decorated method of one provider.

    Attributes:
        name: The class and the method, such as ``Orders.on_created``.
        call: The bound method.
        max_arguments: The maximum number of positional arguments; None if the method accepts
            ``*args``.
        required_arguments: The number of positional parameters without a default.
    """

    name: str
    call: Callable[..., Any]
    max_arguments: int | None
    required_arguments: int


def add_to_method(decorator: MethodDecorator, value: object, method: Any) -> None:
    """Store one use of a decorator, with its value, in the metadata of a method.

    Raises:
        BootError: The decorated object is not a plain method.
    """
    if not inspect.isfunction(method):
        name = getattr(method, "__qualname__", repr(method))
        raise BootError(f"{name}: @{decorator.name} belongs on a plain method; move it there")
    extend_metadata(method, decorator.key, (value,))
    extend_metadata(method, METHOD_DECORATORS, (decorator,))


def decorated_methods(
    provider: object, decorator: MethodDecorator
) -> Iterator[tuple[Handler, tuple[Any, ...]]]:
    """Yield each method of the provider that has the decorator, and the decorator's values."""
    cls = type(provider)
    for name, method in methods_with_metadata(cls, decorator.key):
        handler = _read_handler(f"{cls.__name__}.{name}", getattr(provider, name))
        yield handler, get_metadata(method, decorator.key)


def _read_handler(name: str, call: Callable[..., Any]) -> Handler:
    if inspect.isgeneratorfunction(call) or inspect.isasyncgenfunction(call):
        raise BootError(f"{name} is a generator, so it would not run; remove the yield")
    parameters = inspect.signature(call).parameters.values()
    required = [
        each for each in parameters if each.kind in POSITIONAL and each.default is each.empty
    ]
    for each in parameters:
        if each.kind is inspect.Parameter.KEYWORD_ONLY and each.default is each.empty:
            raise BootError(
                f"{name}: parameter '{each.name}' receives no argument; give it a default"
            )
    return Handler(name, call, max_arguments(call), len(required))
