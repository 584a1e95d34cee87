"""Pipes: what turns and checks an argument before the handler gets it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from pydantic import BaseModel, PydanticUserError, TypeAdapter, ValidationError

from app.framework.common.exceptions import BootError, FieldError, WsBadRequest
from app.framework.common.params import ParamKind

_VALUE_ERROR = "Value error, "
"""How pydantic begins the text of a validator's own ValueError."""

Transform = Callable[[Any], Any]
"""One argument in, one out; may give an awaitable."""


@dataclass(frozen=True, slots=True)
class ArgumentMetadata:
    """What a pipe may know of the parameter.

    Attributes:
        type: ``body``, or ``custom`` for sockets and custom decorators.
        metatype: The annotated type, Any where there is none.
        data: What the decorator was given, such as the field's name.
    """

    type: ParamKind
    metatype: Any
    data: Any


class PipeTransform:
    """Base of pipes: override `transform`, or `bind` to do the work that repeats once, at boot."""

    def transform(self, value: Any, metadata: ArgumentMetadata) -> Any:
        """Give the value to go on with, or raise. May be async. Here: the value as it is."""
        del metadata
        return value

    def bind(self, metadata: ArgumentMetadata) -> Transform | None:
        """The pipe for one parameter, made at boot; None when it has nothing to do there.

        Raises:
            BootError: The pipe overrides neither.
        """
        if type(self).transform is PipeTransform.transform:
            raise BootError(f"{type(self).__name__} overrides neither transform nor bind")
        return partial(self.transform, metadata=metadata)


def overlooks_transform(pipe: PipeTransform) -> bool:
    """Whether a pipe overrides `PipeTransform.transform` of a base class whose ``bind`` runs."""
    mro = type(pipe).__mro__
    overriding = [cls for cls in mro if vars(cls).keys() & {"bind", "transform"}]
    binding = [cls for cls in overriding if "bind" in vars(cls) and cls is not PipeTransform]
    return bool(binding) and overriding[0] is not binding[0]


class ValidationPipe(PipeTransform):
    """Validates payloads by their annotated type with pydantic, and gives the handler that type.

    Unlike Nest's, a payload that does not fit is the client's error (``invalid_payload`` with
    ``fields``), not an internal one. As Nest's, it leaves custom parameters alone, ignores unknown
    fields, and takes a missing or scalar payload for a model as an empty object.
    """

    def transform(self, value: Any, metadata: ArgumentMetadata) -> Any:
        """Validate one value, as a test does; events go through what `bind` has compiled."""
        validate = self.bind(metadata)
        return value if validate is None else validate(value)

    def bind(self, metadata: ArgumentMetadata) -> Transform | None:
        """One compiled validator per parameter."""
        if metadata.type == "custom" or metadata.metatype in (Any, object):
            return None
        validate = _validator(metadata.metatype)
        wants_object = isinstance(metadata.metatype, type) and issubclass(
            metadata.metatype, BaseModel
        )
        prefix = () if metadata.data is None else (str(metadata.data),)

        def transform(value: Any) -> Any:
            try:
                return validate(value if isinstance(value, dict) or not wants_object else {})
            except ValidationError as error:
                raise WsBadRequest(field_errors(error, prefix)) from None

        return transform


class DefaultValuePipe(PipeTransform):
    """Nest's: stands in for a missing value."""

    def __init__(self, default: Any) -> None:
        self._default = default

    def transform(self, value: Any, metadata: ArgumentMetadata) -> Any:  # noqa: ARG002 - the pipe's form
        """The value, or the default for None."""
        return self._default if value is None else value


def _validator(metatype: Any) -> Callable[[Any], Any]:
    try:
        # The compiled core itself: the adapter's own method puts half as much again on top of it.
        return TypeAdapter(metatype).validator.validate_python
    except PydanticUserError as error:
        name = getattr(metatype, "__name__", metatype)
        raise BootError(
            f"ValidationPipe cannot validate {name}; annotate the payload with a pydantic model"
        ) from error


def field_errors(error: ValidationError, prefix: Sequence[str] = ()) -> tuple[FieldError, ...]:
    """Convert pydantic's error to one `FieldError` per fault and omit the input."""
    return tuple(
        FieldError(
            path=".".join((*prefix, *map(str, fault["loc"]))),
            message=fault["msg"].removeprefix(_VALUE_ERROR),
        )
        for fault in error.errors(include_url=False, include_context=False, include_input=False)
    )
