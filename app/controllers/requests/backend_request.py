"""What backends send: read strictly, since what is misspelt would not be done."""

from http import HTTPStatus
from typing import Annotated

from aiohttp import web
from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel
from pydantic_core import ErrorDetails

from app.controllers.requests.refusals import refusal, refusal_text
from app.domain.ids import is_id

MAX_BODY_BYTES = 65_536
_VALUE_ERROR = "Value error, "  # how pydantic begins the messages of validators
_NO_ID = "must be 1 to 191 printable characters"


def _named(text: str) -> str:
    if not is_id(text):
        raise ValueError(_NO_ID)
    return text


Id = Annotated[str, AfterValidator(_named)]
"""An identifier of anything."""


class BackendRequest(BaseModel):
    """A JSON body; names are in camelCase, types exact, and there are no other fields."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        strict=True,
    )


def invalid(error: ValidationError, expected: str) -> web.Response:
    """400 for a body that is none; nothing of it is repeated.

    Args:
        error: What a `BackendRequest` says of it.
        expected: What to send, as a sentence.
    """
    # Without pydantic's context and input: there secrets may be.
    errors = error.errors(include_url=False, include_context=False, include_input=False)
    fields = [_fault(each) for each in errors]
    return refusal(HTTPStatus.BAD_REQUEST, "invalid_payload", expected, fields=fields)


def path_id(request: web.Request, name: str) -> str:
    """The identifier that a parameter of the path is.

    Raises:
        HTTPBadRequest: It is none.
    """
    text = request.match_info[name]
    if is_id(text):
        return text
    fault = {"path": to_camel(name), "message": _NO_ID}
    message = "The path must name what there may be."
    raise web.HTTPBadRequest(
        text=refusal_text(HTTPStatus.BAD_REQUEST, "invalid_payload", message, fields=[fault]),
        content_type="application/json",
    )


def _fault(error: ErrorDetails) -> dict[str, str]:
    if error["type"] == "extra_forbidden":  # its name is the caller's: a token, perhaps
        return {"path": "", "message": "there are no other fields"}
    path = ".".join(map(str, error["loc"]))
    return {"path": path, "message": error["msg"].removeprefix(_VALUE_ERROR)}
