"""Validates the requests of backends strictly, so that a misspelt field is not ignored."""

from http import HTTPStatus
from typing import Annotated

from aiohttp import web
from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from app.controllers.requests.refusals import refusal, refusal_text
from app.domain.ids import checked_id
from app.framework import FieldError, field_errors

MAX_BODY_BYTES = 65_536

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


def invalid(error: ValidationError, expected: str) -> web.Response:
    """Answer 400 for an invalid body, without repeating any of it."""
    faults = zip(error.errors(include_input=False), field_errors(error), strict=True)
    fields = [
        _UNKNOWN_FIELD if fault["type"] == "extra_forbidden" else field for fault, field in faults
    ]
    return refusal(HTTPStatus.BAD_REQUEST, "invalid_payload", expected, fields=fields)


def path_id(request: web.Request, name: str) -> str:
    """Return the id in the path's parameter ``name``; raise `HTTPBadRequest` if it is invalid."""
    try:
        return checked_id(request.match_info[name])
    except ValueError as error:
        fields = [FieldError(path=to_camel(name), message=str(error))]
        message = "The path contains an invalid id."
        raise web.HTTPBadRequest(
            text=refusal_text(HTTPStatus.BAD_REQUEST, "invalid_payload", message, fields=fields),
            content_type="application/json",
        ) from None
