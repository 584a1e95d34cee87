"""Pipes, which transform or validate an argument before the handler receives it."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from math import isnan
from typing import Any, ClassVar, Literal, Never, TypeGuard

from pydantic import BaseModel, PydanticUserError, RootModel, TypeAdapter, ValidationError

from app.framework.common.exceptions import BootError, FieldError, WsBadRequest

_VALUE_ERROR = "Value error, "
"""The prefix that pydantic adds to the text of a ValueError raised by a validator."""

_Extra = Literal["allow", "ignore", "forbid"] | None
"""Pydantic's rule for unknown fields; None means the rule of each model's ``model_config``."""

_EXTRA: dict[bool | None, _Extra] = {True: "ignore", False: "allow", None: None}
"""The rule for each value of `ValidationPipe`'s option ``whitelist``."""

_STRICTNESS: tuple[_Extra, ...] = ("forbid", "ignore", "allow", None)
"""The order of several `ValidationPipe`s for one parameter, by their rules; see `in_order`."""

MAX_LISTED_ERRORS = 100
"""If a payload has more errors, the answer contains only their number."""

_HAS_DEFAULT = "give each optional field a default, such as name: str | None = None"
_REMEDIES = {
    "skip_missing_properties": _HAS_DEFAULT,
    "skip_null_properties": _HAS_DEFAULT,
    "skip_undefined_properties": _HAS_DEFAULT,
    "transform_options": "set the model's model_config",
    "groups": "declare one model for each group",
}
"""For each option of Nest that pydantic does not have: the advice in the error message."""

ParamKind = Literal["body", "query", "param", "custom"]

Transform = Callable[[Any], Any]
"""Takes an argument and returns the new value, or an awaitable of the new value."""


@dataclass(frozen=True, slots=True)
class ArgumentMetadata:
    """Describes the parameter that a pipe transforms.

    Attributes:
        type: ``body``, ``query``, ``param``, or ``custom`` for all other parameters.
        metatype: The annotated type; Any if there is no annotation.
        data: The argument of the parameter decorator, such as the name of a field.
    """

    type: ParamKind
    metatype: Any
    data: Any


class PipeTransform:
    """Base class of pipes: override `transform`, or `bind` to prepare each parameter at boot.

    Attributes:
        precedes_validation: Whether a `ValidationPipe` for the same parameter runs after this pipe,
            because this pipe accepts more values than the annotated type; see `in_order`. Set this
            in a pipe that looks up an object by its id.
    """

    precedes_validation: ClassVar[bool] = False

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
    """Bind a pipe to a parameter. For a mock of a pipe, return the mock's ``transform``."""
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
    with an internal error. As in Nest, parameters with the `ArgumentMetadata.type` ``custom`` are
    not validated. If the annotated type is a model, a missing or scalar payload counts as an empty
    object. An array is invalid, unless the model is a ``RootModel``; Nest accepts any array.

    Attributes:
        extra: Pydantic's rule for unknown fields, from the options.
    """

    def __init__(
        self,
        *,
        whitelist: bool | None = None,
        forbid_non_whitelisted: bool = False,
        transform: bool = True,
        disable_error_messages: bool = False,
        exception_factory: Callable[[tuple[FieldError, ...]], Exception] = WsBadRequest,
        expected_type: Any = None,
        **unsupported: Never,
    ) -> None:
        """Check the options, which have Nest's names.

        Args:
            whitelist: True drops unknown fields, even if the model forbids them. False keeps
                them in the model's ``model_extra``. By default the ``extra`` of each model's
                ``model_config`` decides; without it, pydantic drops unknown fields.
            forbid_non_whitelisted: Whether a payload with unknown fields is invalid.
            transform: Cannot be False: the handler always receives the annotated type.
            disable_error_messages: Whether the answer omits the invalid fields and the reasons.
            exception_factory: Takes the errors and returns the exception to raise.
            expected_type: Replaces the annotated type, for every parameter.

        Raises:
            BootError: An option is unknown or cannot work.
        """
        refuse_options("ValidationPipe", unsupported)
        if not transform:
            raise BootError(
                "ValidationPipe(transform=False) is not supported, because a handler receives the "
                "type that it declares; remove the option, and declare dict[str, Any] for the "
                "payload as it came"
            )
        if forbid_non_whitelisted and whitelist is False:
            raise BootError(
                "ValidationPipe has forbid_non_whitelisted=True and whitelist=False, which "
                "contradict each other; remove whitelist"
            )
        check_exception_factory("ValidationPipe", exception_factory)
        self.extra: _Extra = "forbid" if forbid_non_whitelisted else _EXTRA[whitelist]
        self._hides_errors = disable_error_messages
        self._exception_factory = exception_factory
        self._expected_type = expected_type

    def transform(self, value: Any, metadata: ArgumentMetadata) -> Any:
        """Validate one value. Only tests call this: events use the validator returned by `bind`."""
        validate = self.bind(metadata)
        return value if validate is None else validate(value)

    def bind(self, metadata: ArgumentMetadata) -> Transform | None:
        """Compile the validator of one parameter; return None if no value can be invalid."""
        metatype = metadata.metatype if self._expected_type is None else self._expected_type
        if metadata.type == "custom" or metatype in (Any, object):
            return None
        validate = _validator(metatype, self.extra)
        accepted = (dict, list, metatype) if _has_fields(metatype) else object
        prefix = () if metadata.data is None else (str(metadata.data),)
        errors_of = _hidden_errors if self._hides_errors else _listed_errors
        exception_factory = self._exception_factory

        def transform(value: Any) -> Any:
            if not isinstance(value, accepted):
                value = {}
            try:
                return validate(value)
            except ValidationError as error:
                raise exception_factory(errors_of(error, prefix)) from None

        return transform


class DefaultValuePipe(PipeTransform):
    """Nest's ``DefaultValuePipe``: replaces a missing value or NaN.

    If the default is a list, dict, set or model, each event receives its own copy.
    """

    precedes_validation = True

    def __init__(self, default: Any) -> None:
        self._default = default
        self._is_mutable = isinstance(default, list | dict | set | BaseModel)

    def transform(self, value: Any, metadata: ArgumentMetadata) -> Any:  # noqa: ARG002 - required by the signature
        """Return the value; if it is None or NaN, return the default."""
        if value is None or (isinstance(value, float) and isnan(value)):
            return deepcopy(self._default) if self._is_mutable else self._default
        return value


def in_order(
    outer: Sequence[PipeTransform], own: Sequence[PipeTransform]
) -> tuple[PipeTransform, ...]:
    """Return the pipes for one parameter in the order of their calls.

    The order is: pipes of the application, of the class, of the method, of the parameter. But
    `ValidationPipe` runs last if one of the parameter's own pipes has `precedes_validation`. Before
    such a pipe has run, the value may not fit the annotated type. Nest needs no such rule, because
    Nest's `ValidationPipe` skips scalar types.

    If there are several `ValidationPipe`s, they run in the order of their rules for unknown fields,
    strictest first. The first one returns a model, and the others find no unknown fields in it.
    """
    pipes = (*outer, *own)
    if any(getattr(type(pipe), "precedes_validation", False) for pipe in own):
        others = [pipe for pipe in outer if not _validates(pipe)]
        pipes = (*others, *own, *filter(_validates, outer))
    validating = filter(_validates, pipes)
    strictest_first = iter(sorted(validating, key=lambda pipe: _STRICTNESS.index(pipe.extra)))
    return tuple(next(strictest_first) if _validates(pipe) else pipe for pipe in pipes)


def _validates(pipe: PipeTransform) -> TypeGuard[ValidationPipe]:
    return issubclass(type(pipe), ValidationPipe)  # `isinstance` would accept a mock


def check_exception_factory(owner: str, factory: object) -> None:
    """Raise `BootError` if an ``exception_factory`` cannot return an exception."""
    if not callable(factory) or inspect.iscoroutinefunction(factory):
        raise BootError(
            f"{owner} has exception_factory={factory!r}; "
            "give it a plain function that takes the errors and returns an exception"
        )


def refuse_options(owner: str, options: Mapping[str, object]) -> None:
    """Raise `BootError` if there is an option that a pipe does not have."""
    for option in options:
        remedy = _REMEDIES.get(option, "docs/migrating.md lists the options of pipes")
        raise BootError(f"{owner} does not support {option}; {remedy}")


def _validator(metatype: Any, extra: "_Extra") -> Callable[[Any], Any]:
    try:
        # Call the compiled validator directly: the adapter's method takes 1.5 times as long.
        validate = TypeAdapter(metatype).validator.validate_python
    except PydanticUserError as error:
        name = getattr(metatype, "__name__", metatype)
        raise BootError(
            f"ValidationPipe cannot validate {name}; annotate the payload with a pydantic model. "
            "If a pipe looks up the object, read its id with create_param_decorator, whose "
            "parameters are not validated"
        ) from error
    return validate if extra is None else partial(validate, extra=extra)


def _has_fields(metatype: Any) -> bool:
    """Return whether a type is a model with fields, which a ``RootModel`` is not."""
    is_model = isinstance(metatype, type) and issubclass(metatype, BaseModel)
    return is_model and not issubclass(metatype, RootModel)


def _hidden_errors(error: ValidationError, prefix: Sequence[str]) -> tuple[FieldError, ...]:
    del error, prefix
    return (FieldError(path="", message="Bad Request"),)


def _listed_errors(error: ValidationError, prefix: Sequence[str]) -> tuple[FieldError, ...]:
    # Listing the 60,000 errors that a packet of 64 kB can have would take a second and 4 MB.
    count = error.error_count()
    if count > MAX_LISTED_ERRORS:
        return (FieldError(path=".".join(prefix), message=f"{count} values are invalid"),)
    return field_errors(error, prefix)


def field_errors(error: ValidationError, prefix: Sequence[str] = ()) -> tuple[FieldError, ...]:
    """Convert pydantic's error to `FieldError`s, without the input, which may be secret."""
    return tuple(
        FieldError(
            path=".".join((*prefix, *map(str, fault["loc"]))),
            message=fault["msg"].removeprefix(_VALUE_ERROR),
        )
        for fault in error.errors(include_url=False, include_context=False, include_input=False)
    )
