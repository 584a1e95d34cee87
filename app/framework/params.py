"""Handler parameters, marked by annotation: ``body: Annotated[SendMessageDto, MessageBody()]``."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from app.framework.context import ExecutionContext

ParamKind = Literal["body", "custom"]


@dataclass(frozen=True, slots=True)
class ParamMarker:
    """How to get one argument of a handler.

    Attributes:
        kind: Nest's ``metadata.type`` for pipes: ``body``, or ``custom`` for everything else.
        data: What the decorator was given, such as the field's name.
        read: Gives the argument of an event; may be async.
        pipes: The parameter's own, after those of method, class and application.
    """

    kind: ParamKind
    data: Any
    read: Callable[[ExecutionContext], Any]
    pipes: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class AckMarker:
    """Marks the parameter that gets the ack function."""


def MessageBody(field: str | None = None, *pipes: Any) -> ParamMarker:  # noqa: N802 - Nest's name
    """The payload, or one field of it: None when the payload is no object or has no such field.

    Dots in ``field`` mean nothing, as in Nest.
    """
    read = ExecutionContext.get_data if field is None else partial(_body_field, field)
    return ParamMarker("body", field, read, pipes)


def ConnectedSocket() -> ParamMarker:  # noqa: N802 - Nest's name
    """The client's `Socket`."""
    return ParamMarker("custom", None, ExecutionContext.get_client)


def Ack() -> AckMarker:  # noqa: N802 - Nest's name
    """The ack function, None when the client asked for none; the handler's result is not acked."""
    return AckMarker()


def create_param_decorator(
    factory: Callable[[Any, ExecutionContext], Any],
) -> Callable[..., ParamMarker]:
    """Make a parameter decorator of one's own; Nest's ``createParamDecorator``.

    With ``CurrentUser = create_param_decorator(lambda data, context: ...)`` a parameter is
    ``user: Annotated[User, CurrentUser()]``; the first argument is ``data``, others are pipes.
    What the factory gives is awaited if it can be.
    """

    async def resolve(data: Any, context: ExecutionContext) -> Any:
        value = factory(data, context)
        return await value if inspect.isawaitable(value) else value

    def decorator(data: Any = None, *pipes: Any) -> ParamMarker:
        return ParamMarker("custom", data, partial(resolve, data), pipes)

    return decorator


def _body_field(field: str, context: ExecutionContext) -> Any:
    data = context.get_data()
    return data.get(field) if isinstance(data, dict) else None
