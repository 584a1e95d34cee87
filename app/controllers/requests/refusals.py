"""How a service endpoint says no: JSON of the shape that Nest's own errors have."""

import json
from http import HTTPStatus

from aiohttp import web


def refusal(status: HTTPStatus, code: str, message: str, **details: object) -> web.Response:
    """An answer with ``{statusCode, message, code}`` and further fields.

    Args:
        status: 400 or more.
        code: Stable; clients branch on it.
        message: A sentence for people, without anything secret that was sent.
        details: By their names on the wire.
    """
    text = refusal_text(status, code, message, **details)
    return web.Response(status=status, text=text, content_type="application/json")


def refusal_text(status: HTTPStatus, code: str, message: str, **details: object) -> str:
    """The body of a `refusal`, for aiohttp's own errors."""
    return json.dumps({"statusCode": status, "message": message, "code": code, **details})


def unavailable() -> web.Response:
    """503: what was asked for may or may not have been done, and may be asked for again."""
    return refusal(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "unavailable",
        "The result could not be confirmed; retry the request.",
        temporary=True,
    )
