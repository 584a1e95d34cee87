"""Parameter decorators, written as annotations: ``body: Annotated[SendMessageDto, MessageBody()]``.

Each decorator returns a marker, which ``parameters.py`` reads once, at boot.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from operator import attrgetter
from typing import Any

from app.framework.common.context import ExecutionContext
from app.framework.common.metadata import Decorated, define_metadata, get_metadata
from app.framework.common.pipes import ParamKind

_PARAM_DECORATOR = "param_decorator"

# Read the private fields directly: nearly every event needs client and data, and this is faster
# than calling the context's methods.
_read_client = attrgetter("_client")
_read_data = attrgetter("_data")


@dataclass(frozen=True, slots=True)
class ParamMarker:
    """Describes how to read one argument of a handler from the context.

    Attributes:
        kind: The value of ``metadata.type``, which Nest passes to pipes.
        read: Takes the context and returns the argument.
        pipes: The parameter's own pipes, which run after those of method, class and application.
        host: ``ws`` if only gateways can use the marker, ``http`` if only controllers can; None if
            both can.
        is_pipeable: Whether the pipes of method, class and application run for the argument.
    """

    kind: ParamKind
    data: Any
    read: Callable[[ExecutionContext], Any]
    pipes: tuple[Any, ...] = ()
    may_be_awaitable: bool = True
    host: str | None = None
    is_pipeable: bool = True


@dataclass(frozen=True, slots=True)
class AckMarker:
    """Marks the parameter that receives the ack function.

    If ``replaces_result`` is true, the handler's result is not sent as the ack.
    """

    replaces_result: bool = True
    host: str = "ws"


def param_decorator(function: Decorated) -> Decorated:
    """Mark a function as a parameter decorator, so that `is_param_decorator` recognizes it."""
    define_metadata(function, _PARAM_DECORATOR, value=True)
    return function


@param_decorator
def MessageBody(field: object = None, *pipes: Any) -> ParamMarker:  # noqa: N802 - Nest's name
    """Pass the payload, or one field of it; a missing field is None.

    Dots in ``field`` have no special meaning, as in Nest. The first argument may also be a pipe.
    """
    if not isinstance(field, str | None):
        field, pipes = None, (field, *pipes)
    read = _read_data if field is None else partial(_body_field, field)
    return ParamMarker("body", field, read, pipes, may_be_awaitable=False, host="ws")


@param_decorator
def ConnectedSocket(*pipes: Any) -> ParamMarker:  # noqa: N802 - Nest's name
    """Pass the client's `Socket`."""
    return ParamMarker("custom", None, _read_client, pipes, may_be_awaitable=False, host="ws")


@param_decorator
def Ack() -> AckMarker:  # noqa: N802 - Nest's name
    """Pass the ack function; None if the client did not request an ack.

    A handler with this parameter must call the ack function, because the handler's result is not
    sent as the ack.
    """
    return AckMarker()


def create_param_decorator(
    factory: Callable[[Any, ExecutionContext], Any],
) -> Callable[..., ParamMarker]:
    """Create a custom parameter decorator; Nest's ``createParamDecorator``.

    ``CurrentUser = create_param_decorator(lambda data, context: ...)`` creates a decorator for
    parameters such as ``user: Annotated[User, CurrentUser()]``. The decorator passes its first
    argument to the factory as ``data``, unless this argument is a pipe. All further arguments are
    pipes. The factory may be async.
    """

    @param_decorator
    def decorator(data: Any = None, *pipes: Any) -> ParamMarker:
        if callable(getattr(data, "transform", None)):  # a pipe, as in Nest
            data, pipes = None, (data, *pipes)
        return ParamMarker("custom", data, partial(factory, data), pipes)

    return decorator


def is_param_decorator(value: object) -> bool:
    """Return whether a value is a decorator without parentheses, such as ``MessageBody``."""
    return inspect.isfunction(value) and get_metadata(value, _PARAM_DECORATOR) is not None


def _body_field(field: str, context: ExecutionContext) -> Any:
    data = context.get_data()
    return data.get(field) if isinstance(data, dict) else None
