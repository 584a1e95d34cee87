"""Tests `ValidationPipe`, which validates with pydantic, and the other pipes."""

from typing import Any
from unittest.mock import Mock

import pytest
from pydantic import BaseModel, ConfigDict, Field, RootModel

from app.framework import (
    ArgumentMetadata,
    BootError,
    DefaultValuePipe,
    PipeTransform,
    ValidationPipe,
    WsBadRequest,
    WsException,
)
from app.framework.common.pipes import MAX_LISTED_ERRORS, ParamKind, in_order
from app.framework.platform_socketio import json_codec


class _Address(BaseModel):
    street: str


class _Order(BaseModel):
    model_config = ConfigDict(strict=True)

    name: str = Field(alias="displayName")
    addresses: list[_Address] = []


class _Bounded(BaseModel):
    note: str = Field(max_length=10)


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid")

    n: int


class _AllOptional(BaseModel):
    limit: int = 50


def validate(value: Any, metatype: Any, data: str | None = None, kind: ParamKind = "body") -> Any:
    """Return the pipe's result for a payload and a parameter of this type."""
    transform = ValidationPipe().bind(ArgumentMetadata(kind, metatype, data))
    assert transform is not None
    return transform(value)


def faults(value: Any, metatype: Any, data: str | None = None) -> list[tuple[str, str]]:
    """Return the fields that the pipe rejects in a payload."""
    with pytest.raises(WsBadRequest) as caught:
        validate(value, metatype, data)
    return [(field["path"], field["message"]) for field in caught.value.fields]


def test_validation_pipe_gives_the_model_when_the_payload_fits() -> None:
    """The handler receives the annotated type. In payloads, fields have their wire names."""
    order = validate({"displayName": "a", "addresses": [{"street": "b"}]}, _Order)

    assert _Order(displayName="a", addresses=[_Address(street="b")]) == order


def test_validation_pipe_validates_when_it_is_called_as_any_pipe() -> None:
    """Tests call ``transform``, which gives the same result as the compiled validator."""
    pipe = ValidationPipe()

    with pytest.raises(WsBadRequest):
        pipe.transform({"displayName": 5}, ArgumentMetadata("body", _Order, None))
    assert 5 == pipe.transform(5, ArgumentMetadata("custom", _Order, None))


def test_validation_pipe_ignores_unknown_fields_when_there_are_some() -> None:
    """As in Nest, unknown fields are ignored by default."""
    assert _AllOptional(limit=1) == validate({"limit": 1, "userId": "mallory"}, _AllOptional)


@pytest.mark.parametrize("payload", [None, "text", 5, True])
def test_validation_pipe_takes_an_empty_object_when_the_payload_is_none(payload: Any) -> None:
    """A missing payload or a scalar is validated as ``{}``."""
    assert _AllOptional() == validate(payload, _AllOptional)
    assert [("displayName", "Field required")] == faults(payload, _Order)


@pytest.mark.parametrize("payload", [[], [{"limit": 1}]])
def test_validation_pipe_rejects_an_array_when_the_type_is_a_model(payload: Any) -> None:
    """If the array counted as ``{}``, a model without required fields would ignore the payload."""
    assert [("", "Input should be a valid dictionary or instance of _AllOptional")] == faults(
        payload, _AllOptional
    )


@pytest.mark.parametrize("payload", [["a"], "a", None])
def test_validation_pipe_gives_a_root_model_any_payload(payload: Any) -> None:
    assert payload == validate(payload, RootModel[Any]).root


def test_validation_pipe_names_the_path_when_a_nested_value_is_wrong() -> None:
    """The path of a field consists of wire names and list indexes, joined by dots."""
    payload = {"displayName": 5, "addresses": [{"street": "ok"}, {"street": None}]}

    assert [
        ("displayName", "Input should be a valid string"),
        ("addresses.1.street", "Input should be a valid string"),
    ] == faults(payload, _Order)


def test_validation_pipe_counts_the_errors_when_there_are_very_many() -> None:
    """A packet of 64 kB can have 60,000 errors; listing them takes a second and 4 MB."""
    many: list[Any] = [{}] * (MAX_LISTED_ERRORS + 1)

    assert MAX_LISTED_ERRORS == len(faults(many[1:], list[_Address]))
    assert [("", "101 values are invalid")] == faults(many, list[_Address])
    assert [("streets", "101 values are invalid")] == faults(many, list[_Address], "streets")


def test_validation_pipe_names_the_field_when_one_is_validated_alone() -> None:
    """For ``MessageBody("n")`` the path is ``n``, or ``n.street`` within a model."""
    assert [("n", "Input should be a valid integer")] == faults(None, int, "n")
    assert [("n.street", "Field required")] == faults({}, _Address, "n")


def test_validation_pipe_has_no_path_when_the_whole_payload_is_wrong() -> None:
    """An error of the whole payload has an empty path and a message without a prefix."""
    with pytest.raises(WsBadRequest) as caught:
        validate("x", int)

    assert ("", caught.value.fields[0]["message"]) == (
        caught.value.fields[0]["path"],
        caught.value.message,
    )


@pytest.mark.parametrize(
    ("payload", "metatype"),
    [
        ({"displayName": ["hush-hush"]}, _Order),
        ({"displayName": "a", "addresses": [{"street": {"x": "hush-hush"}}]}, _Order),
        ({"limit": "hush-hush"}, _AllOptional),
    ],
)
def test_validation_pipe_echoes_no_input_when_it_refuses(payload: Any, metatype: Any) -> None:
    """The answer and the exception do not repeat the payload, which may contain a secret."""
    with pytest.raises(WsBadRequest) as caught:
        validate(payload, metatype)

    assert "hush-hush" not in f"{caught.value} {caught.value.to_ack()}"
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_validation_pipe_refuses_a_lone_surrogate_when_the_text_is_constrained() -> None:
    """JavaScript can send lone surrogates, but no database can store them."""
    payload = json_codec.loads('{"note": "\\ud800"}')

    assert ["note"] == [path for path, _ in faults(payload, _Bounded)]


@pytest.mark.parametrize(
    ("metatype", "kind"), [(Any, "body"), (object, "body"), (_Order, "custom")]
)
def test_validation_pipe_has_nothing_to_do_when_nothing_says_what_fits(
    metatype: Any, kind: ParamKind
) -> None:
    """The pipe is not compiled into events with custom parameters or untyped payloads."""
    assert ValidationPipe().bind(ArgumentMetadata(kind, metatype, None)) is None


@pytest.mark.parametrize(("value", "result"), [(None, 3), (0, 0), (False, False), ("", "")])
def test_default_value_pipe_stands_in_when_the_value_is_missing(value: Any, result: Any) -> None:
    """Only None counts as a missing value."""
    pipe = DefaultValuePipe(3)

    assert result == pipe.transform(value, ArgumentMetadata("body", int, None))


def test_default_value_pipe_gives_a_copy_when_the_default_can_be_changed() -> None:
    """As in Nest, a handler that changes the list does not change the default."""
    pipe = DefaultValuePipe([[1]])
    metadata = ArgumentMetadata("body", list, None)

    pipe.transform(None, metadata)[0].append(2)

    assert [[1]] == pipe.transform(float("nan"), metadata)


def test_default_value_pipe_gives_a_copy_when_the_default_is_a_model() -> None:
    """A handler that changes its model does not change the default of other clients' events."""
    pipe = DefaultValuePipe(_AllOptional())
    metadata = ArgumentMetadata("body", _AllOptional, None)

    pipe.transform(None, metadata).limit = 1

    assert _AllOptional(limit=50) == pipe.transform(None, metadata)


def options_of(**options: Any) -> Any:
    """Validate an order with unknown fields, and return the result or the errors."""
    payload = {"displayName": "a", "userId": "mallory", "addresses": [{"street": "b", "zip": 1}]}
    try:
        return ValidationPipe(**options).transform(payload, ArgumentMetadata("body", _Order, None))
    except WsBadRequest as error:
        return list(error.fields)


def test_validation_pipe_drops_unknown_fields_when_it_has_a_whitelist() -> None:
    """Fields that the model's configuration would keep or forbid are dropped, too."""
    forbidden = {"n": 1, "userId": "mallory"}

    assert _Order(displayName="a", addresses=[_Address(street="b")]) == options_of(whitelist=True)
    assert [("userId", "Extra inputs are not permitted")] == faults(forbidden, _Closed)
    assert _Closed(n=1) == ValidationPipe(whitelist=True).transform(
        forbidden, ArgumentMetadata("body", _Closed, None)
    )


def test_validation_pipe_keeps_unknown_fields_when_it_has_no_whitelist() -> None:
    """As in Nest, unknown fields are kept by default. The model has them in ``model_extra``."""
    order = options_of(whitelist=False)

    assert ({"userId": "mallory"}, {"zip": 1}) == (
        order.model_extra,
        order.addresses[0].model_extra,
    )


@pytest.mark.parametrize("whitelist", [None, True])
def test_validation_pipe_refuses_unknown_fields_when_it_forbids_them(
    *, whitelist: bool | None
) -> None:
    """The answer names each unknown field, including nested ones."""
    assert [
        {"path": "addresses.0.zip", "message": "Extra inputs are not permitted"},
        {"path": "userId", "message": "Extra inputs are not permitted"},
    ] == options_of(forbid_non_whitelisted=True, whitelist=whitelist)


@pytest.mark.parametrize(
    ("outer", "own", "order"),
    [
        ({}, {"forbid_non_whitelisted": True}, ["forbid", None]),
        ({"forbid_non_whitelisted": True}, {"whitelist": True}, ["forbid", "ignore"]),
        ({}, {"whitelist": False}, ["allow", None]),
        ({"whitelist": False}, {"whitelist": True}, ["ignore", "allow"]),
        ({}, {}, [None, None]),
    ],
)
def test_validation_pipes_run_strictest_first_when_there_are_several(
    outer: dict[str, Any], own: dict[str, Any], order: list[str | None]
) -> None:
    """A pipe that rejects unknown fields must run before a pipe that drops them."""
    one, two = ValidationPipe(**outer), ValidationPipe(**own)

    pipes = in_order((one, PipeTransform(), two), ())

    assert order == [pipe.extra for pipe in pipes if isinstance(pipe, ValidationPipe)]
    assert type(pipes[1]) is PipeTransform


def test_pipe_that_looks_up_an_object_may_run_before_validation() -> None:
    """The pipe replaces an id by the user, like ``UserByIdPipe`` in Nest's documentation."""

    class _ById(PipeTransform):
        precedes_validation = True

    by_id, trim, validation = _ById(), PipeTransform(), ValidationPipe()

    assert (trim, by_id, validation) == in_order((validation, trim), (by_id,))


def test_mock_of_a_validation_pipe_keeps_its_place() -> None:
    """A test may override the pipe with a mock, which has no options."""
    mock, default = Mock(spec=ValidationPipe), DefaultValuePipe(1)

    assert (mock, default) == in_order((mock,), (default,))
    assert (default, mock) == in_order((default,), (mock,))


def test_validation_pipe_raises_the_exception_when_it_has_a_factory() -> None:
    """The option works like Nest's ``exceptionFactory: errors => new WsException(errors)``."""
    pipe = ValidationPipe(exception_factory=lambda errors: WsException([*errors]))

    with pytest.raises(WsException) as caught:
        pipe.transform({}, ArgumentMetadata("body", _Order, None))

    assert [{"path": "displayName", "message": "Field required"}] == caught.value.get_error()


def test_validation_pipe_hides_the_errors_when_they_are_disabled() -> None:
    """The option works like Nest's ``disableErrorMessages``."""
    hidden = options_of(disable_error_messages=True, forbid_non_whitelisted=True)

    assert [{"path": "", "message": "Bad Request"}] == hidden


def test_validation_pipe_validates_another_type_when_one_is_expected() -> None:
    """Nest's ``expectedType`` replaces the annotation."""
    pipe = ValidationPipe(expected_type=_AllOptional)

    assert _AllOptional() == pipe.transform({}, ArgumentMetadata("body", Any, None))


def test_validation_pipe_accepts_an_instance_when_a_pipe_has_made_it() -> None:
    """The default value of a parameter may be a model."""
    assert _AllOptional(limit=1) == validate(_AllOptional(limit=1), _AllOptional)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"transform": False},
            (
                "ValidationPipe(transform=False) is not supported, because a handler receives "
                "the type that it declares; remove the option, and declare dict[str, Any] for the "
                "payload as it came"
            ),
        ),
        (
            {"whitelist": False, "forbid_non_whitelisted": True},
            (
                "ValidationPipe has forbid_non_whitelisted=True and whitelist=False, which "
                "contradict each other; remove whitelist"
            ),
        ),
        (
            {"exception_factory": None},
            (
                "ValidationPipe has exception_factory=None; give it a plain function that takes "
                "the errors and returns an exception"
            ),
        ),
        (
            {"skip_missing_properties": True},
            (
                "ValidationPipe does not support skip_missing_properties; give each optional "
                "field a default, such as name: str | None = None"
            ),
        ),
    ],
)
def test_boot_fails_when_validation_pipe_cannot_honour_an_option(
    options: dict[str, Any], message: str
) -> None:
    with pytest.raises(BootError) as caught:
        ValidationPipe(**options)

    assert message == str(caught.value)


def test_pipe_is_refused_at_boot_when_it_overrides_nothing() -> None:
    """A pipe must override ``transform`` or `bind`, because otherwise it has no effect."""

    class _Forgotten(PipeTransform):
        pass

    with pytest.raises(BootError, match="_Forgotten overrides neither transform nor bind"):
        _Forgotten().bind(ArgumentMetadata("body", int, None))
