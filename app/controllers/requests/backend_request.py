"""Validates the requests of backends strictly, so that a misspelt field is not ignored."""

from http import HTTPStatus
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from app.controllers.requests.refusals import Refusal
from app.domain.ids import checked_id
from app.framework import ArgumentMetadata, FieldError, PipeTransform, field_errors

_UNKNOWN_FIELD = FieldError(path="", message="there are no other fields")
"""The error for an unknown field. The field's name is omitted: it may be a misplaced token."""

Id = Annotated[str, AfterValidator(checked_id)]
"""The id of a user, a channel or a sign-in."""


class BackendRequest(BaseModel):
    """A JSON body with camelCase names, exact types and no unknown fields."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        strict=True,
    )


class BackendRequestPipe(PipeTransform):
    """Converts the bytes of a body, of any content type, to the parameter's `BackendRequest`.

    Args:
        expected: A sentence that describes a valid body.
        may_be_empty: Whether a missing body counts as ``{}``.
    """

    def __init__(self, expected: str, *, may_be_empty: bool = False) -> None:
        self._expected = expected
        self._may_be_empty = may_be_empty

    def transform(self, value: bytes, metadata: ArgumentMetadata) -> Any:
        """Return the request, or raise a `Refusal` whose text does not repeat the body."""
        body = b"{}" if self._may_be_empty and not value else value
        try:
            return metadata.metatype.model_validate_json(body)
        except ValidationError as error:
            faults = zip(error.errors(include_input=False), field_errors(error), strict=True)
            fields = [
                _UNKNOWN_FIELD if fault["type"] == "extra_forbidden" else field
                for fault, field in faults
            ]
            bad_request = HTTPStatus.BAD_REQUEST
            raise Refusal(bad_request, "invalid_payload", self._expected, fields=fields) from None


class PathIdPipe(PipeTransform):
    """Checks the id in a parameter of the path."""

    def transform(self, value: str, metadata: ArgumentMetadata) -> str:
        """Return the id; raise a `Refusal` if the id is invalid."""
        try:
            return checked_id(value)
        except ValueError as error:
            fields = [FieldError(path=to_camel(metadata.data), message=str(error))]
            message = "The path contains an invalid id."
            raise Refusal(
                HTTPStatus.BAD_REQUEST, "invalid_payload", message, fields=fields
            ) from None
