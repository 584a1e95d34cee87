"""Pipes, which transform or validate an argument before the handler receives it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from pydantic import BaseModel, PydanticUserError, TypeAdapter, ValidationError

from app.framework.common.exceptions import BootError, FieldError, WsBadRequest

_VALUE_ERROR = "Value error, "
"""The prefix that pydantic adds to the text of a ValueError raised by a validator."""

ParamKind = Literal["body", "custom"]

Transform = Callable[[Any], Any]
"""Takes an argument and returns the new value, or an awaitable of the new value."""


@dataclass(frozen=True, slots=True)
class ArgumentMetadata:
    """Describes the parameter that a pipe transforms.

    Attributes:
        type: ``body``, or ``custom`` for sockets and custom decorators.
        metatype: The annotated type; Any if there is no annotation.
        data: The argument of the parameter decorator, such as the name of a field.
    """

    type: ParamKind
    metatype: Any
    data: Any


class PipeTransform:
    """Base class of pipes: override `transform`, or `bind` to prepare each parameter at boot."""

    def transform(self, value: Any, metadata: ArgumentMetadata) -> Any:
        """Return the new value, or raise an error; may be async."""
        del metadata
        return value

    def bind(self, metadata: ArgumentMetadata) -> Transform | None:
        """Return the function that transforms one parameter; None to keep the argument unchanged.

        Called at boot.

        Raises:
            BootError: The pipe overrides neither `transform` nor `bind`.
        """
        if type(self).transform is PipeTransform.transform:
            raise BootError(f"{type(self).__name__} overrides neither transform nor bind")
        return partial(self.transform, metadata=metadata)


def bind_pipe(pipe: PipeTransform, metadata: ArgumentMetadata) -> Transform | None:
    """Bind a pipe to a parameter; of a mock of a pipe, bind ``transform``, which a test sets up."""
    if issubclass(type(pipe), PipeTransform):
        return pipe.bind(metadata)
    return partial(pipe.transform, metadata=metadata)


def ignores_transform(pipe: PipeTransform) -> bool:
    """Return whether a pipe's ``transform`` never runs, because a base class overrides ``bind``."""
    mro = type(pipe).__mro__
    overriding = [cls for cls in mro if vars(cls).keys() & {"bind", "transform"}]
    binding = [cls for cls in overriding if "bind" in vars(cls) and cls is not PipeTransform]
    return bool(binding) and overriding[0] is not binding[0]


class ValidationPipe(PipeTransform):
    """Validates a payload with pydantic and converts it to the parameter's annotated type.

    For an invalid payload the client receives ``invalid_payload`` with the ``fields``; Nest answers
    with an internal error. As in Nest, custom parameters are not validated, and unknown fields are
    ignored. If the type is a model, a missing or scalar payload counts as an empty object.
    """

    def transform(self, value: Any, metadata: ArgumentMetadata) -> Any:
        """Validate one value. Only tests call this: events use the validator returned by `bind`."""
        validate = self.bind(metadata)
        return value if validate is None else validate(value)

    def bind(self, metadata: ArgumentMetadata) -> Transform | None:
        """Compile the validator of one parameter; return None if the type allows any value."""
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
    """Nest's ``DefaultValuePipe``: replaces a missing value."""

    def __init__(self, default: Any) -> None:
        self._default = default

    def transform(self, value: Any, metadata: ArgumentMetadata) -> Any:  # noqa: ARG002 - required by the signature
        """Return the value; if it is None, return the default."""
        return self._default if value is None else value


def _validator(metatype: Any) -> Callable[[Any], Any]:
    try:
        # Call the compiled validator directly: the adapter's method takes 1.5 times as long.
        return TypeAdapter(metatype).validator.validate_python
    except PydanticUserError as error:
        name = getattr(metatype, "__name__", metatype)
        raise BootError(
            f"ValidationPipe cannot validate {name}; annotate the payload with a pydantic model"
        ) from error


def field_errors(error: ValidationError, prefix: Sequence[str] = ()) -> tuple[FieldError, ...]:
    """Convert pydantic's error to `FieldError`s. The input is left out: it may be secret."""
    return tuple(
        FieldError(
            path=".".join((*prefix, *map(str, fault["loc"]))),
            message=fault["msg"].removeprefix(_VALUE_ERROR),
        )
        for fault in error.errors(include_url=False, include_context=False, include_input=False)
    )
