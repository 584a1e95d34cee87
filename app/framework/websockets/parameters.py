"""Reads a handler's signature once, at boot, to find the argument for each parameter.

A marker is a `ParamMarker` or `AckMarker` in the annotation of a parameter.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from app.framework.common.exceptions import BootError
from app.framework.common.hooks import POSITIONAL
from app.framework.common.pipes import DefaultValuePipe, PipeTransform
from app.framework.websockets.enhancers import Resolve, check_enhancers
from app.framework.websockets.param_decorators import (
    AckMarker,
    ConnectedSocket,
    MessageBody,
    ParamMarker,
    is_param_decorator,
)
from app.framework.websockets.socket import Socket


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a handler: its marker, its annotated type and its own pipes."""

    name: str
    marker: ParamMarker | AckMarker
    metatype: Any
    pipes: tuple[PipeTransform, ...]


@dataclass(frozen=True, slots=True)
class HandlerKind:
    """The rules for handlers of gateways, or for handlers of controllers.

    Attributes:
        host: ``ws`` for gateways, ``http`` for controllers.
        plain: The markers that apply, by position, to the parameters of a handler without markers.
            The keys name these parameters in error messages.
        first_type: The type of the first argument in ``plain``.
        markers: The markers that error messages suggest, the most usual one first.
    """

    host: str
    plain: dict[str, ParamMarker | AckMarker]
    first_type: type
    markers: tuple[str, ...]


EVENT_HANDLER = HandlerKind(
    host="ws",
    # the same as Nest's ``DEFAULT_CALLBACK_METADATA``
    plain={
        "client": ConnectedSocket(),
        "data": MessageBody(),
        "ack": AckMarker(replaces_result=False),
    },
    first_type=Socket,
    markers=("MessageBody()", "ConnectedSocket()", "Ack()"),
)


def read_parameters(
    method: Callable[..., Any], subject: str, resolve: Resolve, kind: HandlerKind = EVENT_HANDLER
) -> tuple[Parameter, ...]:
    """Read the parameters of a handler.

    A handler without markers receives the arguments that ``kind.plain`` describes.

    Raises:
        BootError: A parameter is declared in an unsupported way, or the argument for it is unknown.
    """
    hints = _hints(method, subject)
    declared = [*inspect.signature(method).parameters.values()]
    if not declared:
        raise BootError(f"{subject}: a handler is a method; add the parameter self")
    del declared[0]
    for parameter in declared:
        _check_form(parameter, subject)
    found = [
        _find_marker(hints.get(each.name, Any), f"{subject}: parameter '{each.name}'")
        for each in declared
    ]
    if not any(found):
        return _plain_parameters(declared, hints, subject, kind)
    parameters = []
    for declaration, each in zip(declared, found, strict=True):
        name = declaration.name
        if each is None:
            raise BootError(
                f"{subject}: the argument for parameter '{name}' is unknown; annotate it with "
                f"{', '.join(kind.markers)} or a custom parameter decorator"
            )
        marker, metatype = each
        if marker.host not in (None, kind.host):
            raise BootError(
                f"{subject}: the marker of parameter '{name}' is for "
                f"{'controllers' if kind.host == 'ws' else 'gateways'}; "
                f"write {', '.join(kind.markers)} or a custom parameter decorator"
            )
        pipes = _own_pipes(declaration, marker, subject, resolve)
        parameters.append(Parameter(name, marker, metatype, pipes))
    return tuple(parameters)


def _own_pipes(
    declaration: inspect.Parameter, marker: ParamMarker | AckMarker, subject: str, resolve: Resolve
) -> tuple[PipeTransform, ...]:
    given = () if isinstance(marker, AckMarker) else marker.pipes
    owner = f"{subject}: parameter '{declaration.name}'"
    resolved = (resolve(pipe, owner) for pipe in given)
    pipes = check_enhancers(resolved, PipeTransform, f"{owner} names")
    return (*pipes, *_default_pipes(declaration, marker, subject))


def _plain_parameters(
    declared: list[inspect.Parameter], hints: Mapping[str, Any], subject: str, kind: HandlerKind
) -> tuple[Parameter, ...]:
    """Return the parameters of a handler without markers, in the order of ``kind.plain``.

    As in Nest, pipes run on all of these parameters except the ack.
    """
    names = [parameter.name for parameter in declared]
    all_names = ", ".join(kind.plain)
    if len(names) > len(kind.plain):
        raise BootError(
            f"{subject}: a handler without annotations takes at most ({all_names}), "
            f"not ({', '.join(names)})"
        )
    if names and not _may_be(kind.first_type, hints.get(names[0], Any)):
        first = next(iter(kind.plain))
        raise BootError(
            f"{subject}: parameter '{names[0]}' receives the {first}, but its annotation is "
            f"another type; a handler without markers takes ({all_names}): add a {first} parameter "
            f"before this one, or annotate this one with {kind.markers[0]}"
        )
    return tuple(
        Parameter(name, marker, hints.get(name, Any), _default_pipes(declaration, marker, subject))
        for name, declaration, marker in zip(names, declared, kind.plain.values(), strict=False)
    )


def _default_pipes(
    declaration: inspect.Parameter, marker: ParamMarker | AckMarker, subject: str
) -> tuple[PipeTransform, ...]:
    """Return the pipe that replaces a missing argument with the default; empty without a default.

    As in Nest, the parameter's other pipes run before the default is used.
    """
    if declaration.default is inspect.Parameter.empty or declaration.default is None:
        return ()
    if isinstance(marker, AckMarker):
        raise BootError(
            f"{subject}: parameter '{declaration.name}' is the ack, so its default is never used; "
            "remove it, or write = None"
        )
    return (DefaultValuePipe(declaration.default),)


def _may_be(expected: type, hint: Any) -> bool:
    origin = get_origin(hint)
    if origin is Annotated:
        return _may_be(expected, get_args(hint)[0])
    if origin in {Union, UnionType}:
        return any(_may_be(expected, each) for each in get_args(hint))
    cls = origin or hint
    return (
        not isinstance(cls, type)
        or cls is Any
        or expected in cls.__mro__
        or cls in expected.__mro__
        or getattr(cls, "_is_protocol", False)
    )


def _hints(method: Callable[..., Any], subject: str) -> dict[str, Any]:
    try:
        return get_type_hints(method, include_extras=True)
    except NameError as error:
        raise BootError(
            f"{subject}: its annotations cannot be evaluated ({error}); import these names at run "
            "time"
        ) from None


def _check_form(parameter: inspect.Parameter, subject: str) -> None:
    if parameter.kind not in POSITIONAL:
        raise BootError(
            f"{subject}: parameter '{parameter.name}' is not positional; a handler is called with "
            "positional arguments, so remove * and **"
        )
    if isinstance(parameter.default, ParamMarker | AckMarker):
        raise BootError(
            f"{subject}: parameter '{parameter.name}' has its marker as a default; "
            f"write it as {parameter.name}: Annotated[..., MessageBody()]"
        )


def _find_marker(hint: Any, subject: str) -> tuple[ParamMarker | AckMarker, Any] | None:
    """Return the marker in an annotation, and the annotation's type; None without a marker."""
    is_annotated = get_origin(hint) is Annotated
    metatype, *extras = get_args(hint) if is_annotated else (hint,)
    for extra in extras:
        if is_param_decorator(extra):
            raise BootError(
                f"{subject} has a marker without parentheses; "
                "call it, Annotated[..., MessageBody()]"
            )
    markers = [extra for extra in extras if isinstance(extra, ParamMarker | AckMarker)]
    if len(markers) > 1:
        raise BootError(f"{subject} has {len(markers)} markers; keep one")
    if _has_marker(metatype):
        raise BootError(
            f"{subject} has its marker inside another type; "
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
