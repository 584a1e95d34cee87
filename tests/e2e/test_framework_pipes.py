"""Tests that pipes answer the JavaScript client as in Nest (`nest_gateway_pipes.ts`)."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any

import pytest_asyncio
from dependency_injector import containers, providers
from pydantic import BaseModel

from app.framework import (
    DefaultValuePipe,
    FieldError,
    MessageBody,
    NestFactory,
    ParseArrayPipe,
    ParseBoolPipe,
    ParseIntPipe,
    ValidationPipe,
    WsException,
    subscribe_message,
    use_pipes,
    web_socket_gateway,
)
from tests.e2e.js_client import JsDriver

CASES = json.loads(Path(__file__).with_name("nest_gateway_pipes.json").read_text(encoding="utf-8"))


def properties(errors: tuple[FieldError, ...]) -> WsException:
    return WsException(",".join(error["path"] for error in errors))


class _PageDto(BaseModel):
    page: int
    size: int | None = None


@web_socket_gateway()
@use_pipes(ValidationPipe(exception_factory=properties))
class _PagesGateway:
    @subscribe_message("payload")
    def payload(
        self, page: Annotated[int, MessageBody(ParseIntPipe(exception_factory=WsException))]
    ) -> Any:
        return {"page": page}

    @subscribe_message("field")
    def field(
        self, page: Annotated[int, MessageBody("page", ParseIntPipe(exception_factory=WsException))]
    ) -> Any:
        return {"page": page}

    @subscribe_message("default pipe")
    def default_pipe(
        self,
        page: Annotated[
            int,
            MessageBody("page", DefaultValuePipe("3"), ParseIntPipe(exception_factory=WsException)),
        ],
    ) -> Any:
        return {"page": page}

    @subscribe_message("default value")
    def default_value(self, page: Annotated[int, MessageBody("page")] = 3) -> Any:
        return {"page": page}

    @subscribe_message("required")
    def required(
        self,
        page: Annotated[int, MessageBody("page", ParseIntPipe(exception_factory=WsException))] = 3,
    ) -> Any:
        return {"page": page}

    @subscribe_message("optional")
    def optional(
        self,
        page: Annotated[
            int, MessageBody("page", ParseIntPipe(optional=True, exception_factory=WsException))
        ] = 3,
    ) -> Any:
        return {"page": page}

    @subscribe_message("list")
    def list(
        self,
        ids: Annotated[
            list[int],
            MessageBody("ids", ParseArrayPipe(items=int, exception_factory=WsException)),
        ],
    ) -> Any:
        return {"ids": ids}

    @subscribe_message("flag")
    def flag(
        self,
        flag: Annotated[bool, MessageBody("flag", ParseBoolPipe(exception_factory=WsException))],
    ) -> Any:
        return {"flag": flag}

    @subscribe_message("whitelist")
    @use_pipes(ValidationPipe(whitelist=True, exception_factory=properties))
    def whitelist(self, body: Annotated[_PageDto, MessageBody()]) -> Any:
        return {"body": body}

    @subscribe_message("forbid")
    @use_pipes(ValidationPipe(forbid_non_whitelisted=True, exception_factory=properties))
    def forbid(self, body: Annotated[_PageDto, MessageBody()]) -> Any:
        return {"body": body}


class _Module(containers.DeclarativeContainer):
    gateway = providers.Singleton(_PagesGateway)


@pytest_asyncio.fixture(loop_scope="session")
async def url() -> AsyncIterator[str]:
    app = NestFactory.create(_Module)
    yield await app.listen(0)
    await app.close()


def _as_in_nest(ack: Any) -> Any:
    """Convert an ack with an error to the form in which `nest_gateway_pipes.ts` records errors."""
    return {"refused": ack["error"]} if "error" in ack else ack


async def test_gateway_answers_as_in_nest_when_its_parameters_have_pipes(
    driver: JsDriver, url: str
) -> None:
    """Only the last answer differs from that of `nest_gateway_pipes.ts`: it has one field more."""
    client = driver.connect(url, "pages", {})

    answers = [
        {**case, "answer": _as_in_nest(await client.ask(case["event"], case["data"]))}
        for case in CASES
    ]

    *same, last = answers
    assert same == CASES[:-1]
    # In Nest, the gateway's own pipe rejects the payload first; it does not check unknown fields.
    assert ("size", "size,admin") == (CASES[-1]["answer"]["refused"], last["answer"]["refused"])
