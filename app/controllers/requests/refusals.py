"""Creates the error responses of the HTTP endpoints, with the JSON fields of Nest's errors."""

import json
from http import HTTPStatus

from aiohttp import web


def refusal(status: HTTPStatus, code: str, message: str, **details: object) -> web.Response:
    """Create a JSON response with the fields ``statusCode``, ``message``, ``code`` and details.

    Args:
        message: A sentence for people, without secrets from the request.
        details: The other fields of the response, by their JSON names.
    """
    text = refusal_text(status, code, message, **details)
    return web.Response(status=status, text=text, content_type="application/json")


def refusal_text(status: HTTPStatus, code: str, message: str, **details: object) -> str:
    """Create the body of a `refusal`, to pass to an exception of aiohttp."""
    return json.dumps({"statusCode": status, "message": message, "code": code, **details})


def unavailable() -> web.Response:
    """Create the response 503: the change may or may not be stored, and retrying is harmless."""
    return refusal(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "unavailable",
        "The result could not be confirmed; retry the request.",
        temporary=True,
    )
