"""Nest's pipes that parse one value: numbers, booleans, UUIDs, enums, dates and arrays.

The messages are Nest's and so are the accepted values, unless a class states a difference. A pipe
raises `WsBadRequest` for a refused value. If there is an ``exception_factory``, it receives the
message and returns the exception to raise. With ``optional=True`` a missing value stays None.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from enum import Enum, EnumType
from math import isfinite
from types import GenericAlias
from typing import Any, ClassVar, Never

from pydantic_core import from_json, to_json

from app.framework.common.exceptions import BootError, FieldError, WsBadRequest
from app.framework.common.pipes import (
    ArgumentMetadata,
    PipeTransform,
    Transform,
    ValidationPipe,
    check_exception_factory,
    refuse_options,
)

ExceptionFactory = Callable[[Any], Exception]
"""Takes the message, and returns an exception.

If `ParseArrayPipe` checks items with `ValidationPipe`, the argument is a tuple of `FieldError`s.
"""

_INTEGER = re.compile(r"-?[0-9]+")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_ISO_DATE = re.compile(
    r"[0-9]{4}(?:-[0-9]{2}(?:-[0-9]{2}"
    r"(?:T[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,9})?)?(?:Z|[+-][0-9]{2}:[0-9]{2})?)?)?)?"
)
_FIRST_DAY = "0000-01-01"
"""For a date without a month or day, the missing part is taken from the end of this text."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MAX_DIGITS = 400
"""`ParseIntPipe` refuses longer strings.

JavaScript's largest number has 309 digits, and `int` raises an error for more than 4,300 digits.
"""

_EXPONENTIAL_FROM = 10**21
"""JavaScript formats numbers from this one on with an exponent.

Therefore Nest's ``ParseIntPipe`` refuses them.
"""

_HEX = "[0-9a-f]"
_UUID = f"{_HEX}{{8}}-{_HEX}{{4}}-%s{_HEX}{{3}}-[89ab]{_HEX}{{3}}-{_HEX}{{12}}"
_NIL_OR_MAX = "0{8}-0{4}-0{4}-0{4}-0{12}|f{8}-f{4}-f{4}-f{4}-f{12}"


class _Refused(Exception):
    """The value cannot be parsed; the text is the message for the client."""


class ParsePipe(PipeTransform, ABC):
    """Base class of the pipes in this module; each pipe overrides `parse`."""

    precedes_validation: ClassVar[bool] = True

    def __init__(
        self,
        *,
        optional: bool = False,
        exception_factory: ExceptionFactory | None = None,
        **unsupported: Never,
    ) -> None:
        """Check the options, which have Nest's names.

        Raises:
            BootError: An option is unknown or cannot work.
        """
        name = type(self).__name__
        refuse_options(name, unsupported)
        if exception_factory is not None:
            check_exception_factory(name, exception_factory)
        self._optional = optional
        self._exception_factory = exception_factory

    @abstractmethod
    def parse(self, value: Any) -> Any:
        """Return the parsed value; raise `_Refused` if the value cannot be parsed."""

    def transform(self, value: Any, metadata: ArgumentMetadata) -> Any:
        """Parse one value. Only tests call this: events use the function returned by `bind`."""
        return self.bind(metadata)(value)

    def bind(self, metadata: ArgumentMetadata) -> Transform:
        """Return the function that parses the values of one parameter."""
        path = "" if metadata.data is None else str(metadata.data)
        parse, optional, exception_factory = self.parse, self._optional, self._exception_factory

        def transform(value: Any) -> Any:
            if value is None and optional:
                return None
            try:
                return parse(value)
            except _Refused as refused:
                message = str(refused)
            if exception_factory is not None:
                raise exception_factory(message)
            raise WsBadRequest((FieldError(path=path, message=message),), http_message=message)

        return transform


class ParseIntPipe(ParsePipe):
    """Converts a whole number, or a string that contains one, to an int."""

    def parse(self, value: Any) -> int:
        """Return the number."""
        if isinstance(value, str):
            if len(value) <= _MAX_DIGITS and _INTEGER.fullmatch(value) and isfinite(float(value)):
                return int(value)
        elif _is_number(value) and value == value // 1 and abs(value) < _EXPONENTIAL_FROM:
            return int(value)
        raise _Refused("Validation failed (numeric string is expected)")


class ParseFloatPipe(ParsePipe):
    """Converts a finite number, or a string that contains one, to a float."""

    def parse(self, value: Any) -> float:
        """Return the number."""
        number = _to_float(value)
        if number is None:
            raise _Refused("Validation failed (numeric string is expected)")
        return number


class ParseBoolPipe(ParsePipe):
    """Converts ``"true"`` and ``"false"`` to a bool; a bool stays as it is."""

    def parse(self, value: Any) -> bool:
        """Return the bool."""
        if value is True or value == "true":
            return True
        if value is False or value == "false":
            return False
        raise _Refused("Validation failed (boolean string is expected)")


class ParseUUIDPipe(ParsePipe):
    """Accepts a string that is a UUID. The option ``version`` restricts it to one version."""

    def __init__(self, *, version: int | str = "all", **options: Any) -> None:
        super().__init__(**options)
        if str(version) not in {"all", *"12345678"}:
            raise BootError(f"ParseUUIDPipe has version={version!r}; use 1 to 8, or 'all'")
        any_version = str(version) == "all"
        pattern = f"{_UUID % '[1-8]'}|{_NIL_OR_MAX}" if any_version else _UUID % version
        self._fits = re.compile(pattern, re.IGNORECASE | re.ASCII).fullmatch
        expected = "uuid" if any_version else f"uuid v {version}"
        self._message = f"Validation failed ({expected} is expected)"

    def parse(self, value: Any) -> str:
        """Return the string unchanged."""
        if not isinstance(value, str):
            raise _Refused("The value passed as UUID is not a string")
        if not self._fits(value):
            raise _Refused(self._message)
        return value


class ParseEnumPipe(ParsePipe):
    """Converts a value of the enum to the enum's member.

    If the value is a number, a string that contains the number is accepted as well.
    """

    def __init__(self, enum_type: type[Enum], **options: Any) -> None:
        super().__init__(**options)
        if not isinstance(enum_type, EnumType):
            raise BootError(f"ParseEnumPipe needs an Enum class, not {enum_type!r}")
        members = [each for each in enum_type if isinstance(each.value, str | int | float)]
        numbers = {str(each.value): each for each in members if _is_number(each.value)}
        self._members = {**numbers, **{each.value: each for each in members}}

    def parse(self, value: Any) -> Enum:
        """Return the member."""
        member = self._members.get(value) if isinstance(value, str) or _is_number(value) else None
        if member is None:
            raise _Refused("Validation failed (enum string is expected)")
        return member


class ParseDatePipe(ParsePipe):
    """Converts an ISO date, or milliseconds since 1970, to a datetime in UTC.

    A time without a zone is UTC; in Nest it is the server's local time. Nest also accepts texts
    that are not ISO 8601, such as ``March 1, 2024``. ``default`` is a function that returns
    the result for a missing value.
    """

    def __init__(self, *, default: Callable[[], datetime] | None = None, **options: Any) -> None:
        super().__init__(**options)
        if default is not None and not callable(default):
            raise BootError(
                f"ParseDatePipe has default={default!r}; give it a function that returns a datetime"
            )
        self._default = default

    def bind(self, metadata: ArgumentMetadata) -> Transform:
        """Return the function that parses the values of one parameter."""
        parse, default = super().bind(metadata), self._default
        if default is None:
            return parse
        return lambda value: default() if value is None else parse(value)

    def parse(self, value: Any) -> datetime:
        """Return the datetime."""
        if value is None or value == "":
            raise _Refused("Validation failed (no Date provided)")
        moment = _moment(value)
        if moment is None:
            raise _Refused("Validation failed (invalid date format)")
        return moment


class ParseArrayPipe(ParsePipe):
    """Converts a list, or a string with separators, to a list; ``items`` is the type of each item.

    Without ``items``, the items of the list are not converted. As in Nest, a string item is read as
    JSON first, unless ``items`` is str. If ``items`` is a type other than str, int, float or bool,
    a `ValidationPipe` with the same ``whitelist`` and ``forbid_non_whitelisted`` checks the items.
    """

    def __init__(
        self,
        *,
        items: Any = None,
        separator: str = ",",
        whitelist: bool | None = None,
        forbid_non_whitelisted: bool = False,
        exception_factory: ExceptionFactory | None = None,
        **options: Any,
    ) -> None:
        super().__init__(exception_factory=exception_factory, **options)
        if not separator:
            raise BootError("ParseArrayPipe has an empty separator; remove it to split at commas")
        self._separator = separator
        self._items = items
        self._validation = ValidationPipe(
            expected_type=GenericAlias(list, (items,)),
            whitelist=whitelist,
            forbid_non_whitelisted=forbid_non_whitelisted,
            exception_factory=exception_factory or WsBadRequest,
        )

    def bind(self, metadata: ArgumentMetadata) -> Transform:
        """Return the function that parses the values of one parameter."""
        parse = super().bind(metadata)
        if self._items is None or self._items in _SCALARS:
            return parse
        validate = self._validation.bind(replace(metadata, type="body"))
        if validate is None:
            return parse
        return lambda value: None if (parsed := parse(value)) is None else validate(parsed)

    def parse(self, value: Any) -> list[Any]:
        """Return the list. Only items of scalar types are checked; `bind` adds the other checks."""
        if not isinstance(value, str | list):
            raise _Refused("Validation failed (parsable array expected)")
        listed = value.strip().split(self._separator) if isinstance(value, str) else value
        if self._items is None:
            return listed
        if self._items is not str:
            listed = [_from_json(item) for item in listed]
        convert = _SCALARS.get(self._items)
        return listed if convert is None else [convert(*each) for each in enumerate(listed)]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _to_float(value: Any) -> float | None:
    """Convert a finite number, or a string that contains one, to a float; else return None."""
    if not _is_number(value) and not (isinstance(value, str) and _NUMBER.fullmatch(value)):
        return None
    try:
        number = float(value)
    except OverflowError:  # an int beyond the largest float
        return None
    return number if isfinite(number) else None


def _moment(value: Any) -> datetime | None:
    try:
        if _is_number(value):
            return _EPOCH + timedelta(milliseconds=int(value))
        if not isinstance(value, str) or not _ISO_DATE.fullmatch(value):
            return None
        moment = datetime.fromisoformat(value + _FIRST_DAY[len(value) :])
        return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):  # no such day, or before the year 1 or after 9999
        return None


def _from_json(item: Any) -> Any:
    if not isinstance(item, str):
        return item
    try:
        return from_json(item, allow_inf_nan=False)
    except ValueError:
        return item


def _int_item(index: int, item: Any) -> int:
    number = _float_item(index, item)
    if number % 1:
        raise _Refused(f"[{index}] item must be a number")
    return item if isinstance(item, int) else int(number)


def _float_item(index: int, item: Any) -> float:
    number = _to_float(item.strip() if isinstance(item, str) else item)
    if number is None:
        raise _Refused(f"[{index}] item must be a number")
    return number


def _bool_item(index: int, item: Any) -> bool:
    if not isinstance(item, bool):
        raise _Refused(f"[{index}] item must be a boolean value")
    return item


def _str_item(index: int, item: Any) -> str:
    if isinstance(item, dict | list):  # Nest writes such an item as "[object Object]"
        raise _Refused(f"[{index}] item must be a string")
    return item if isinstance(item, str) else to_json(item).decode()


_SCALARS: dict[Any, Callable[[int, Any], Any]] = {
    int: _int_item,
    float: _float_item,
    bool: _bool_item,
    str: _str_item,
}
"""For each scalar type, the function that converts one item, as in Nest."""
