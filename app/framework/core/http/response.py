"""`HttpResponse`: the response that guards, handlers and filters of controllers can change."""

from typing import Any, Self

from aiohttp import hdrs, web
from multidict import CIMultiDict

from app.framework.platform_socketio.json_codec import dump

_JSON = "application/json; charset=utf-8"
_TEXT = "text/plain; charset=utf-8"
_BYTES = "application/octet-stream"

_LINE_ENDS = frozenset("\r\n\0")


class HttpResponse:
    """The response to one request, with Express' method names. It is sent after the handler ends.

    A handler returns the body; a filter calls `json` or `send`. The last call of `json` or `send`
    replaces earlier ones.

    Attributes:
        headers: Headers to send. If the handler returns an aiohttp response, they are added to it.
    """

    __slots__ = ("_body", "_content_type", "_is_answered", "headers", "status_code")

    def __init__(self, status_code: int) -> None:
        self.status_code = status_code
        self.headers: CIMultiDict[str] = CIMultiDict()
        self._body: bytes | None = None
        self._content_type: str | None = None
        self._is_answered = False

    @property
    def is_answered(self) -> bool:
        """Whether `json` or `send` was called."""
        return self._is_answered

    def status(self, code: int) -> Self:
        """Set the status."""
        self.status_code = code
        return self

    def set_header(self, name: str, value: str) -> Self:
        """Set a header, replacing its old value; raise ValueError for a text of several lines."""
        check_header(name, value)
        self.headers[name] = value
        return self

    def json(self, value: Any) -> Self:
        """Answer with a value as JSON; raise a TypeError if it has no JSON form."""
        return self._answer(dump(value), _JSON)

    def send(self, value: Any) -> Self:
        """Answer with a text or bytes; None sends no body, and any other value is sent as JSON."""
        if value is None:
            return self._answer(None, None)
        if isinstance(value, str):
            return self._answer(value.encode(), _TEXT)
        if isinstance(value, bytes):
            return self._answer(value, _BYTES)
        return self.json(value)

    def discard(self) -> None:
        """Discard the answer after an error, so that a filter has to answer."""
        self.status_code = 500
        self._body, self._content_type, self._is_answered = None, None, False
        self.headers.pop(hdrs.CONTENT_TYPE, None)

    def finish(self, result: Any) -> web.StreamResponse:
        """Return the response for the result of a handler.

        An aiohttp response is returned itself. Any other result is ignored after `json` or `send`.
        """
        if isinstance(result, web.StreamResponse):
            self.add_headers_to(result)
            return result
        if not self._is_answered:
            self.send(result)
        if self._content_type is not None:
            self.headers.setdefault(hdrs.CONTENT_TYPE, self._content_type)
        return web.Response(body=self._body, status=self.status_code, headers=self.headers)

    def add_headers_to(self, response: web.StreamResponse) -> None:
        """Add the headers that an aiohttp response lacks, unless its headers were already sent."""
        if not response.prepared:
            lacking = [each for each in self.headers.items() if each[0] not in response.headers]
            response.headers.extend(lacking)

    def _answer(self, body: bytes | None, content_type: str | None) -> Self:
        self._body, self._content_type, self._is_answered = body, content_type, True
        return self


def check_header(name: object, value: object) -> None:
    """Raise ValueError unless name and value are one line: a second line would be a new header."""
    for each in (name, value):
        if not isinstance(each, str) or _LINE_ENDS & {*each}:
            raise ValueError(f"the header {name!r} must be a text of one line")
