"""Reads a handler's signature once, at boot: what each of its parameters is."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from app.framework.enhancers import Resolve, checked
from app.framework.exceptions import BootError
from app.framework.params import AckMarker, ParamMarker
from app.framework.pipes import PipeTransform

_MAX_PLAIN_PARAMETERS = 3
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
) -> tuple[tuple[Parameter, ...] | None, int]:
    """Marked parameters, or None and how many plain ones there are.

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
    marked = {name: _marker(hints.get(name)) for name in names}
    if not any(marked.values()):
        if len(names) > _MAX_PLAIN_PARAMETERS:
            raise BootError(
                f"{place}: without annotations a handler takes (client, data, ack) at most, "
                f"not ({', '.join(names)})"
            )
        return None, len(names)
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
    return tuple(parameters), 0


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


def _marker(hint: Any) -> tuple[ParamMarker | AckMarker, Any] | None:
    """The marker of an annotation and the type it stands on, None without a marker."""
    if get_origin(hint) is not Annotated:
        return None
    metatype, *extras = get_args(hint)
    for extra in extras:
        if isinstance(extra, ParamMarker | AckMarker):
            others = tuple(other for other in extras if other is not extra)
            return extra, Annotated[(metatype, *others)] if others else metatype
    return None
