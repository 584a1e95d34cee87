"""Reading what a stranger sends, within bounds."""

import asyncio
from http import HTTPStatus

from aiohttp import hdrs, web

from app.controllers.requests.refusals import refusal_text

READ_TIMEOUT_SECONDS = 10.0

_JSON = "application/json"


async def read_body(request: web.Request, max_bytes: int) -> bytes:
    """The whole body. Compressed ones are refused: unpacking a small one can take seconds.

    Raises:
        HTTPUnsupportedMediaType: It has a ``Content-Encoding`` other than ``identity``.
        HTTPRequestEntityTooLarge: It is larger than ``max_bytes``; no more of it was kept.
        HTTPRequestTimeout: It did not come within `READ_TIMEOUT_SECONDS`.
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
