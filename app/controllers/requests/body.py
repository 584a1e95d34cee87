"""Reads the body of a request, with limits on size and time."""

import asyncio
from http import HTTPStatus

from aiohttp import hdrs, web

from app.controllers.requests.refusals import refusal_text

READ_TIMEOUT_SECONDS = 10.0

_JSON = "application/json"


async def read_body(request: web.Request, max_bytes: int) -> bytes:
    """Read the whole body. A compressed body is rejected: unpacking a small one can take seconds.

    Raises:
        HTTPUnsupportedMediaType: The ``Content-Encoding`` is not ``identity``.
        HTTPRequestEntityTooLarge: The body is larger than ``max_bytes``. Reading stopped there.
        HTTPRequestTimeout: The body did not arrive within `READ_TIMEOUT_SECONDS`.
    """
    if request.headers.get(hdrs.CONTENT_ENCODING, "identity").lower() != "identity":
        text = refusal_text(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "unsupported_encoding",
            "The body must come without a Content-Encoding.",
        )
        raise web.HTTPUnsupportedMediaType(text=text, content_type=_JSON)
    try:
        async with asyncio.timeout(READ_TIMEOUT_SECONDS):
            return await request.clone(client_max_size=max_bytes).read()
    except web.HTTPRequestEntityTooLarge:
        text = refusal_text(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            "too_large",
            f"The body must not exceed {max_bytes} bytes.",
        )
        raise web.HTTPRequestEntityTooLarge(max_bytes, text=text, content_type=_JSON) from None
    except TimeoutError:
        text = refusal_text(HTTPStatus.REQUEST_TIMEOUT, "timeout", "The body did not come in time.")
        raise web.HTTPRequestTimeout(text=text, content_type=_JSON) from None
