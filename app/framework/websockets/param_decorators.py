"""Handler parameters, marked by annotation: ``body: Annotated[SendMessageDto, MessageBody()]``."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from operator import attrgetter
from typing import Any, Literal

from app.framework.common.context import ExecutionContext
from app.framework.common.metadata import define_metadata, get_metadata

_PARAM_DECORATOR = "param_decorator"

# As the context's own methods, without a call in Python: nearly every event needs both.
_read_client = attrgetter("_client")
_read_data = attrgetter("_data")

ParamKind = Literal["body", "custom"]


@dataclass(frozen=True, slots=True)
class ParamMarker:
    """How to get one argument of a handler.

    Attributes:
        kind: Nest's ``metadata.type`` for pipes: ``body``, or ``custom`` for everything else.
        data: What the decorator was given, such as the field's name.
        read: Gives the argument of an event.
        pipes: The parameter's own, after those of method, class and application.
        may_wait: Whether what ``read`` gives may have to be awaited.
    """

    kind: ParamKind
    data: Any
    read: Callable[[ExecutionContext], Any]
    pipes: tuple[Any, ...] = ()
    may_wait: bool = True


@dataclass(frozen=True, slots=True)
class AckMarker:
    """Marks the parameter that gets the ack function.

    Attributes:
        replaces_result: Whether the handler acks by itself, so that its result is not acked.
    """

    replaces_result: bool = True


def MessageBody(field: object = None, *pipes: Any) -> ParamMarker:  # noqa: N802 - Nest's name
    """The payload, or one field of it: None when the payload is no object or has no such field.

    Dots in ``field`` mean nothing, as in Nest. A pipe may stand in its place: the payload's.
    """
    if not isinstance(field, str | None):
        field, pipes = None, (field, *pipes)
    read = _read_data if field is None else partial(_body_field, field)
    return ParamMarker("body", field, read, pipes, may_wait=False)


def ConnectedSocket(*pipes: Any) -> ParamMarker:  # noqa: N802 - Nest's name
    """The client's `Socket`."""
    return ParamMarker("custom", None, _read_client, pipes, may_wait=False)


def Ack() -> AckMarker:  # noqa: N802 - Nest's name
    """The ack function, None when the client asked for none; the handler's result is not acked."""
    return AckMarker()


PLAIN_PARAMETERS: tuple[ParamMarker | AckMarker, ...] = (
    ConnectedSocket(),
    MessageBody(),
    AckMarker(replaces_result=False),
)
"""What a handler without markers gets, by position; Nest's ``DEFAULT_CALLBACK_METADATA``."""


def create_param_decorator(
    factory: Callable[[Any, ExecutionContext], Any],
) -> Callable[..., ParamMarker]:
    """Make a parameter decorator of one's own; Nest's ``createParamDecorator``.

    With ``CurrentUser = create_param_decorator(lambda data, context: ...)`` a parameter is
    ``user: Annotated[User, CurrentUser()]``; the first argument is ``data``, others are pipes. The
    first one may be a pipe too. What the factory gives is awaited if it can be.
    """

    def decorator(data: Any = None, *pipes: Any) -> ParamMarker:
        if callable(getattr(data, "transform", None)):  # as Nest tells a pipe from data
            data, pipes = None, (data, *pipes)
        return ParamMarker("custom", data, partial(factory, data), pipes)

    define_metadata(decorator, _PARAM_DECORATOR, value=True)
    return decorator


def is_param_decorator(value: object) -> bool:
    """Whether a value is a parameter decorator that was not called."""
    return value in (MessageBody, ConnectedSocket, Ack) or (
        inspect.isfunction(value) and get_metadata(value, _PARAM_DECORATOR) is not None
    )


def _body_field(field: str, context: ExecutionContext) -> Any:
    data = context.get_data()
    return data.get(field) if isinstance(data, dict) else None
