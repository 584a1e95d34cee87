"""Tests app/framework/core/http/router.py with the answers of Nest 12: see ``nest_cats.ts``."""

import json
from pathlib import Path
from typing import Annotated, Any

import pytest

from app.framework import (
    BadRequestException,
    Body,
    CanActivate,
    ConflictException,
    ExecutionContext,
    Headers,
    HttpException,
    HttpResponse,
    ImATeapotException,
    NotFoundException,
    Param,
    ParseIntPipe,
    Query,
    Res,
    controller,
    delete,
    get,
    header,
    http_code,
    post,
    use_guards,
)
from tests.unit.framework.core.http.serving import serving

ANSWERS = json.loads(Path(__file__).with_name("nest_cats.json").read_text(encoding="utf-8"))

JSON = "application/json; charset=utf-8"
TEXT = "text/plain; charset=utf-8"
NO_JSON = '"message":"The body is not valid JSON."'
BAD_JSON = '{"statusCode":400,%s,"error":"Bad Request","errorCode":"invalid_json"}'
NO_OBJECT = BAD_JSON % '"message":"The body must be a JSON object or array."'
NO_JSON_TYPE = (
    '{"statusCode":415,"message":"The Content-Type must be application/json.",'
    '"error":"Unsupported Media Type","errorCode":"unsupported_media_type"}'
)

DIFFERENCES: dict[tuple[str, ...], list[Any]] = {
    ("GET", "/cats/text"): [200, TEXT, "<b>ü</b>"],
    ("GET", "/cats/bool"): [200, JSON, "true"],
    ("GET", "/cats/number"): [200, JSON, "5"],
    ("POST", "/cats"): [201, TEXT, "created"],
    ("POST", "/cats/status"): [202, TEXT, "accepted"],
    ("POST", "/cats/body", "application/json", "{"): [400, JSON, BAD_JSON % NO_JSON],
    ("POST", "/cats/body", "application/json", "5"): [400, JSON, NO_OBJECT],
    ("POST", "/cats/body", "application/json", "null"): [400, JSON, NO_OBJECT],
    ("POST", "/cats/body", "text/plain", "Tom"): [415, JSON, NO_JSON_TYPE],
}
"""The answers that differ on purpose; docs/migrating.md explains them."""


class _RefusingGuard(CanActivate):
    def can_activate(self, context: ExecutionContext) -> bool:
        del context
        return False


@controller("cats")
class _CatsController:
    @get("dict")
    def dict(self) -> Any:
        return {"one": 1}

    @get("list")
    def list(self) -> Any:
        return [1]

    @get("text")
    def text(self) -> str:
        return "<b>ü</b>"

    @get("none")
    def none(self) -> None: ...

    @get("bool")
    def bool(self) -> bool:
        return True

    @get("number")
    def number(self) -> int:
        return 5

    @get("not-found")
    def not_found(self) -> None:
        raise NotFoundException("No such cat")

    @get("bare")
    def bare(self) -> None:
        raise ConflictException

    @get("coded")
    def coded(self) -> None:
        raise HttpException("Slow down", 420, error_code="slow")

    @get("object")
    def object(self) -> None:
        raise HttpException({"reason": "tea"}, 418)

    @get("listed")
    def listed(self) -> None:
        raise BadRequestException(["a", "b"])

    @get("teapot")
    def teapot(self) -> None:
        raise ImATeapotException

    @get("bug")
    def bug(self) -> None:
        raise ValueError("secret")

    @get("refused")
    @use_guards(_RefusingGuard())
    def refused(self) -> None: ...

    @get("query")
    def query(self, tag: Annotated[Any, Query("tag")], everything: Annotated[Any, Query()]) -> Any:
        return [tag, everything]

    @get("headers")
    def headers(self, one: Annotated[Any, Headers("X-One")]) -> Any:
        return [one]

    @get("int/{id}")
    def int(self, number: Annotated[Any, Param("id", ParseIntPipe())]) -> Any:
        return {"id": number}

    @post()
    def created(self) -> str:
        return "created"

    @delete()
    @http_code(204)
    @header("X-Name", "value")
    def removed(self) -> None: ...

    @post("status")
    def status(self, response: Annotated[HttpResponse, Res()]) -> str:
        response.status(202)
        return "accepted"

    @post("body")
    def body(self, body: Annotated[Any, Body()], name: Annotated[Any, Body("name")]) -> Any:
        return [body, name]


@pytest.mark.parametrize(
    ("request_", "answer"),
    [
        pytest.param(each["request"], each["answer"], id=" ".join(each["request"]))
        for each in ANSWERS
    ],
)
async def test_controller_answers_as_in_nest(request_: list[str], answer: list[Any]) -> None:
    """The fields of an object may have another order."""
    method, path, *body = request_
    headers = {"X-One": "1", **({"Content-Type": body[0]} if body else {})}

    async with serving(_CatsController) as client:
        response = await client.request(
            method, path, headers=headers, data=body[1] if body else None
        )
        status, content_type, text = DIFFERENCES.get(tuple(request_), answer)
        assert (status, _parsed(text)) == (response.status, _parsed(await response.text()))

    if content_type is not None:
        assert content_type == response.headers["Content-Type"]


def _parsed(text: str) -> Any:
    return json.loads(text) if text.startswith(("{", "[")) else text
