"""The error answers of the HTTP endpoints: JSON with the fields of Nest's own errors."""

import json
from http import HTTPStatus

from aiohttp import web


def refusal(status: HTTPStatus, code: str, message: str, **details: object) -> web.Response:
    """Create an answer with ``{statusCode, message, code}`` and further fields.

    Args:
        message: A sentence for people, without secrets from the request.
        details: Further fields by their names on the wire.
    """
    text = refusal_text(status, code, message, **details)
    return web.Response(status=status, text=text, content_type="application/json")


def refusal_text(status: HTTPStatus, code: str, message: str, **details: object) -> str:
    """Create the body of a `refusal`, for aiohttp's own errors."""
    return json.dumps({"statusCode": status, "message": message, "code": code, **details})


def unavailable() -> web.Response:
    """Create the answer 503: the change may or may not be stored, and retrying is harmless."""
    return refusal(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "unavailable",
        "The result could not be confirmed; retry the request.",
        temporary=True,
    )
