"""Reads a handler's signature once, at boot: what each of its parameters is."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from app.framework.common.exceptions import BootError
from app.framework.common.pipes import PipeTransform
from app.framework.websockets.enhancers import Resolve, checked
from app.framework.websockets.param_decorators import (
    PLAIN_PARAMETERS,
    AckMarker,
    ParamMarker,
    is_param_decorator,
)
from app.framework.websockets.socket import Socket

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a handler: what marks it, its annotated type, and the pipes of its own."""

    name: str
    marker: ParamMarker | AckMarker
    metatype: Any
    pipes: tuple[PipeTransform, ...]


def read_parameters(
    method: Callable[..., Any], place: str, resolve: Resolve
) -> tuple[Parameter, ...]:
    """Read what each parameter of a handler gets, `PLAIN_PARAMETERS` if none is marked.

    Raises:
        BootError: A parameter cannot be given.
    """
    hints = _hints(method, place)
    declared = [*inspect.signature(method).parameters.values()]
    if not declared:
        raise BootError(f"{place}: a handler is a method; give it self")
    del declared[0]
    for parameter in declared:
        _check_form(parameter, place)
    names = [parameter.name for parameter in declared]
    marked = {name: _marker(hints.get(name, Any), f"{place}: parameter '{name}'") for name in names}
    if not any(marked.values()):
        return _plain_parameters(names, hints, place)
    parameters = []
    for name, found in marked.items():
        if found is None:
            raise BootError(
                f"{place}: nothing says what parameter '{name}' is; annotate it with "
                "MessageBody(), ConnectedSocket(), Ack() or a decorator of your own"
            )
        marker, metatype = found
        pipes = () if isinstance(marker, AckMarker) else marker.pipes
        said = f"{place}: parameter '{name}'"
        own = checked((resolve(pipe, said) for pipe in pipes), PipeTransform, f"{said} names")
        parameters.append(Parameter(name, marker, metatype, own))
    return tuple(parameters)


def _plain_parameters(
    names: list[str], hints: Mapping[str, Any], place: str
) -> tuple[Parameter, ...]:
    """As in Nest, pipes run on client and data: ``custom`` and ``body``, by their annotations."""
    if len(names) > len(PLAIN_PARAMETERS):
        raise BootError(
            f"{place}: without annotations a handler takes (client, data, ack) at most, "
            f"not ({', '.join(names)})"
        )
    if names and not _may_be_client(hints.get(names[0], Any)):
        raise BootError(
            f"{place}: parameter '{names[0]}' gets the client, which is not what its annotation "
            "says; without markers a handler takes (client, data, ack), so put a client before it, "
            "or annotate it with MessageBody()"
        )
    return tuple(
        Parameter(name, marker, hints.get(name, Any), ())
        for name, marker in zip(names, PLAIN_PARAMETERS, strict=False)
    )


def _may_be_client(hint: Any) -> bool:
    """Whether an annotation fits a `Socket`, a class derived from it, or a protocol."""
    origin = get_origin(hint)
    if origin is Annotated:
        return _may_be_client(get_args(hint)[0])
    if origin in {Union, UnionType}:
        return any(map(_may_be_client, get_args(hint)))
    cls = origin or hint
    return (
        not isinstance(cls, type)
        or cls is Any
        or Socket in cls.__mro__
        or cls in Socket.__mro__
        or getattr(cls, "_is_protocol", False)
    )


def _hints(method: Callable[..., Any], place: str) -> dict[str, Any]:
    try:
        return get_type_hints(method, include_extras=True)
    except NameError as error:
        raise BootError(
            f"{place}: its annotations cannot be read ({error}); import what they name at run time"
        ) from None


def _check_form(parameter: inspect.Parameter, place: str) -> None:
    if parameter.kind not in _POSITIONAL:
        raise BootError(
            f"{place}: parameter '{parameter.name}' is not positional; a handler's parameters are "
            "given by position, so leave out * and **"
        )
    if isinstance(parameter.default, ParamMarker | AckMarker):
        raise BootError(
            f"{place}: parameter '{parameter.name}' has its marker as a default; "
            f"write it as {parameter.name}: Annotated[..., MessageBody()]"
        )
    if parameter.default is not inspect.Parameter.empty and parameter.default is not None:
        raise BootError(
            f"{place}: parameter '{parameter.name}' has a default, which is never used; "
            "leave it out, or put it into a pipe: MessageBody('n', DefaultValuePipe(3))"
        )


def _marker(hint: Any, said: str) -> tuple[ParamMarker | AckMarker, Any] | None:
    """The marker of an annotation and the type it stands on, None without a marker.

    Raises:
        BootError: The marker would be overlooked.
    """
    is_annotated = get_origin(hint) is Annotated
    metatype, *extras = get_args(hint) if is_annotated else (hint,)
    for extra in extras:
        if is_param_decorator(extra):
            raise BootError(
                f"{said} has its marker without parentheses; call it, Annotated[..., MessageBody()]"
            )
    markers = [extra for extra in extras if isinstance(extra, ParamMarker | AckMarker)]
    if len(markers) > 1:
        raise BootError(f"{said} has {len(markers)} markers; leave one")
    if _has_marker(metatype):
        raise BootError(
            f"{said} has its marker within another type; "
            "write the marker outermost, Annotated[Dto | None, MessageBody()]"
        )
    if not markers:
        return None
    others = tuple(extra for extra in extras if extra is not markers[0])
    return markers[0], Annotated[(metatype, *others)] if others else metatype


def _has_marker(hint: Any) -> bool:
    if isinstance(hint, ParamMarker | AckMarker):
        return True
    return any(map(_has_marker, get_args(hint)))
