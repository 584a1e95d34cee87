"""Tests of the parse pipes. ``nest_pipes.json`` has the answers of Nest's own pipes."""

import json
import time
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from pydantic import BaseModel

from app.framework import (
    ArgumentMetadata,
    BootError,
    DefaultValuePipe,
    ParseArrayPipe,
    ParseBoolPipe,
    ParseDatePipe,
    ParseEnumPipe,
    ParseFloatPipe,
    ParseIntPipe,
    ParseUUIDPipe,
    PipeTransform,
    WsBadRequest,
    WsException,
)
from app.framework.platform_socketio import json_codec

ANSWERS = json.loads(Path(__file__).with_name("nest_pipes.json").read_text())
TYPES = {"int": int, "float": float, "str": str, "bool": bool}
PIPES = {
    each.__name__: each
    for each in (
        ParseIntPipe,
        ParseFloatPipe,
        ParseBoolPipe,
        ParseUUIDPipe,
        ParseArrayPipe,
        ParseDatePipe,
    )
}


class Level(Enum):
    """The enum of ``nest_pipes.mjs``."""

    LOW = "low"
    ONE = 1
    HALF = 0.5


class _Point(BaseModel):
    x: int


def create(pipe: str, options: dict[str, Any]) -> PipeTransform:
    """Create the pipe that a line of ``nest_pipes.json`` describes."""
    if pipe == "ParseEnumPipe":
        return ParseEnumPipe(Level, **options)
    if pipe == "DefaultValuePipe":
        return DefaultValuePipe(options["default"])
    if "items" in options:
        options = {**options, "items": TYPES[options["items"]]}
    return PIPES[pipe](**options)


def answer(pipe: PipeTransform, value: Any, data: str | None = None) -> Any:
    """Return the pipe's result or error in the form of ``nest_pipes.json``."""
    try:
        result = pipe.transform(value, ArgumentMetadata("body", Any, data))
    except WsBadRequest as error:
        return {"error": "; ".join(field["message"] for field in error.fields)}
    if isinstance(result, datetime):
        result = json_codec.loads(json_codec.dumps(result))
    return {"value": result.value if isinstance(result, Enum) else result}


@pytest.mark.parametrize(
    ("pipe", "options", "value", "nest"),
    [pytest.param(*case, id=json.dumps(case[:3])[:60]) for case in ANSWERS],
)
def test_pipe_answers_as_in_nest(
    pipe: str, options: dict[str, Any], value: Any, nest: dict[str, Any]
) -> None:
    """For each value, the pipe has the same result or error message as Nest's pipe."""
    ours = answer(create(pipe, options), value)

    assert nest == ours
    assert isinstance(nest.get("value"), bool) is isinstance(ours.get("value"), bool)


@pytest.mark.parametrize("pipe", [ParseIntPipe(), ParseFloatPipe(), ParseArrayPipe(items=float)])
@pytest.mark.parametrize("text", ["1" * 65_000 + "x", "0" * 65_000, "1." + "1" * 65_000 + "x"])
def test_pipe_is_fast_when_a_number_is_very_long(pipe: PipeTransform, text: str) -> None:
    """Parsing a long number must not block the event loop."""
    started = time.perf_counter()

    answer(pipe, text)

    assert time.perf_counter() - started < 0.2


@pytest.mark.parametrize("value", [10**400, -(10**400), float("inf"), float("nan")])
def test_number_is_refused_when_javascript_has_no_such_number(value: float) -> None:
    """Numbers that are infinite or NaN in JavaScript are rejected."""
    message = {"error": "Validation failed (numeric string is expected)"}

    assert [message] * 2 == [answer(pipe(), value) for pipe in (ParseIntPipe, ParseFloatPipe)]


def test_error_names_the_field_when_the_parameter_has_one() -> None:
    """The client receives ``invalid_payload``. Nest answers with an internal error."""
    with pytest.raises(WsBadRequest) as caught:
        ParseIntPipe().transform("x", ArgumentMetadata("body", int, "limit"))

    message = "Validation failed (numeric string is expected)"
    assert {
        "error": f"limit: {message}",
        "code": "invalid_payload",
        "temporary": False,
        "fields": [{"path": "limit", "message": message}],
    } == caught.value.to_ack()


@pytest.mark.parametrize(
    "pipe",
    [
        ParseIntPipe(exception_factory=WsException),
        ParseArrayPipe(items=int, exception_factory=WsException),
    ],
)
def test_exception_factory_makes_the_error_when_it_is_given(pipe: PipeTransform) -> None:
    """As in Nest, the factory receives the error message."""
    with pytest.raises(WsException) as caught:
        pipe.transform("x", ArgumentMetadata("body", Any, "n"))

    assert caught.value.message in {
        "Validation failed (numeric string is expected)",
        "[0] item must be a number",
    }


def test_date_is_the_default_when_it_is_missing() -> None:
    """As in Nest, ``default`` does not need ``optional``."""
    moment = datetime(2024, 3, 1, tzinfo=UTC)
    pipe = ParseDatePipe(default=lambda: moment)
    metadata = ArgumentMetadata("body", datetime, None)

    assert moment == pipe.transform(None, metadata)
    assert moment == ParseDatePipe().transform("2024-03-01T00:00:00", metadata)
    assert moment == pipe.transform("2024-03-01", metadata)
    assert {"error": "Validation failed (invalid date format)"} == answer(pipe, "March 1, 2024")


def test_array_has_models_when_the_items_are_a_model() -> None:
    """Each item may be JSON, and the path of an error has the item's index."""
    pipe = ParseArrayPipe(items=_Point)
    metadata = ArgumentMetadata("custom", Any, "points")

    assert [_Point(x=1), _Point(x=2)] == pipe.transform([{"x": 1, "y": 5}, '{"x": 2}'], metadata)
    assert pipe.bind(metadata)([]) == []
    with pytest.raises(WsBadRequest) as caught:
        pipe.transform([{"x": 1}, {}], metadata)
    assert [{"path": "points.1.x", "message": "Field required"}] == list(caught.value.fields)


def test_array_refuses_unknown_fields_when_the_option_says_so() -> None:
    """The options of `ValidationPipe` apply to the items."""
    pipe = ParseArrayPipe(items=_Point, forbid_non_whitelisted=True, optional=True)

    assert {"error": "Extra inputs are not permitted"} == answer(pipe, [{"x": 1, "y": 5}])
    assert {"value": None} == answer(pipe, None)


def test_array_has_values_of_any_type_when_pydantic_knows_it() -> None:
    """Items that are not valid JSON stay strings."""
    text = "f81d4fae-7dec-41d0-a765-00a0c91e6bf6"

    assert {"value": [UUID(text)]} == answer(ParseArrayPipe(items=UUID), text)
    assert {"value": [1, "x"]} == answer(ParseArrayPipe(items=Any), "1,x")


def test_array_refuses_a_fraction_when_the_items_are_int() -> None:
    """Nest has one type for all numbers, so in Nest the handler would receive 1.5."""
    assert {"error": "[1] item must be a number"} == answer(ParseArrayPipe(items=int), "1,1.5")
    assert {"value": [1, 2]} == answer(ParseArrayPipe(items=int), "1.0,2")


def test_array_refuses_an_object_when_the_items_are_str() -> None:
    """In Nest, the handler would receive the text ``[object Object]``."""
    assert {"error": "[0] item must be a string"} == answer(ParseArrayPipe(items=str), [{}])


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (
            lambda: ParseIntPipe(errorHttpStatusCode=400),  # type: ignore[arg-type]
            (
                "ParseIntPipe does not support errorHttpStatusCode; "
                "docs/migrating.md lists the options of pipes"
            ),
        ),
        (
            lambda: ParseBoolPipe(exception_factory="no"),  # type: ignore[arg-type]
            (
                "ParseBoolPipe has exception_factory='no'; "
                "give it a plain function that takes the errors and returns an exception"
            ),
        ),
        (
            lambda: ParseUUIDPipe(version=9),
            "ParseUUIDPipe has version=9; use 1 to 8, or 'all'",
        ),
        (
            lambda: ParseEnumPipe(["a"]),  # type: ignore[arg-type]
            "ParseEnumPipe needs an Enum class, not ['a']",
        ),
        (
            lambda: ParseDatePipe(default=datetime(2024, 1, 1, tzinfo=UTC)),  # type: ignore[arg-type]
            (
                "ParseDatePipe has default=datetime.datetime(2024, 1, 1, 0, 0, "
                "tzinfo=datetime.timezone.utc); give it a function that returns a datetime"
            ),
        ),
        (
            lambda: ParseArrayPipe(separator=""),
            "ParseArrayPipe has an empty separator; remove it to split at commas",
        ),
        (
            lambda: ParseArrayPipe(stop_at_first_error=False),
            (
                "ParseArrayPipe does not support stop_at_first_error; "
                "docs/migrating.md lists the options of pipes"
            ),
        ),
    ],
)
def test_boot_fails_when_an_option_cannot_work(build: Any, message: str) -> None:
    """The error is raised when the pipe is created, which is at boot."""
    with pytest.raises(BootError) as caught:
        build()

    assert message == str(caught.value)
