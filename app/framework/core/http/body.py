"""Reads the body of a request, with limits on size and time, and decodes JSON."""

import asyncio
from typing import Any

from aiohttp import hdrs, web

from app.framework.common.http_exceptions import (
    BadRequestException,
    PayloadTooLargeException,
    RequestTimeoutException,
    UnsupportedMediaTypeException,
)
from app.framework.platform_socketio.json_codec import loads

DEFAULT_MAX_BODY_BYTES = 102_400
"""The default limit for a body, as in Express."""

READ_TIMEOUT_SECONDS = 10.0

_JSON = "application/json"


async def read_body(
    request: web.Request, max_bytes: int, timeout_seconds: float = READ_TIMEOUT_SECONDS
) -> bytes:
    """Read the whole body. Compressed bodies are rejected: unpacking can take seconds.

    Raises:
        UnsupportedMediaTypeException: The ``Content-Encoding`` is not ``identity``.
        PayloadTooLargeException: The body is larger than ``max_bytes``. The rest is not read.
        RequestTimeoutException: The body did not arrive within ``timeout_seconds``.
    """
    if request.headers.get(hdrs.CONTENT_ENCODING, "identity").lower() != "identity":
        message = "The body must come without a Content-Encoding."
        raise UnsupportedMediaTypeException(message, error_code="unsupported_encoding")
    try:
        async with asyncio.timeout(timeout_seconds):
            return await request.clone(client_max_size=max_bytes).read()
    except web.HTTPRequestEntityTooLarge:
        message = f"The body must not exceed {max_bytes} bytes."
        raise PayloadTooLargeException(message, error_code="too_large") from None
    except TimeoutError:
        message = "The body did not come in time."
        raise RequestTimeoutException(message, error_code="timeout") from None


def decode_json(request: web.Request, body: bytes) -> Any:
    """Decode a JSON object or array; other JSON values are rejected, as in Express.

    Return None if the body is empty.

    Raises:
        UnsupportedMediaTypeException: The ``Content-Type`` is not JSON in UTF-8.
        BadRequestException: The body is not valid JSON, is nested too deeply, or is a scalar.
    """
    if not body:
        return None
    content_type = request.content_type
    if content_type != _JSON and not content_type.endswith("+json"):
        message = f"The Content-Type must be {_JSON}."
        raise UnsupportedMediaTypeException(message, error_code="unsupported_media_type")
    if (request.charset or "utf-8").lower() not in {"utf-8", "utf8"}:
        message = "The charset of the body must be UTF-8."
        raise UnsupportedMediaTypeException(message, error_code="unsupported_charset")
    try:
        value = loads(body.decode())
    except ValueError:
        message = "The body is not valid JSON."
        raise BadRequestException(message, error_code="invalid_json") from None
    if not isinstance(value, dict | list):
        message = "The body must be a JSON object or array."
        raise BadRequestException(message, error_code="invalid_json")
    return value
