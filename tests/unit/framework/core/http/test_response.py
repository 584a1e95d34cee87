from collections.abc import Callable

import pytest
from aiohttp import web

from app.framework import HttpResponse

JSON, TEXT = "application/json; charset=utf-8", "text/plain; charset=utf-8"


@pytest.mark.parametrize(
    ("answer", "content_type", "body"),
    [
        (lambda response: response.json({}).send("text"), TEXT, b"text"),
        (lambda response: response.send("text").json({}), JSON, b"{}"),
        (lambda response: response.json({}).send(None), None, None),
        (lambda response: response.set_header("content-type", "a/b").send("c"), "a/b", b"c"),
        (lambda response: response.send("c").set_header("content-type", "a/b"), "a/b", b"c"),
    ],
)
def test_last_answer_has_its_own_type(
    answer: Callable[[HttpResponse], HttpResponse], content_type: str | None, body: bytes | None
) -> None:
    """A ``Content-Type`` header takes precedence over the type of the last answer."""
    sent = answer(HttpResponse(200)).finish(None)

    assert isinstance(sent, web.Response)
    assert (content_type, body) == (sent.headers.get("Content-Type"), sent.body)


@pytest.mark.parametrize("value", ["a\r\nX-Other: b", "a\nb", "a\rb", "a\0b"])
def test_header_is_refused_when_it_has_several_lines(value: str) -> None:
    """The text after the line break would be another header."""
    with pytest.raises(ValueError, match="X-Name"):
        HttpResponse(200).set_header("X-Name", value)
