"""Tests app/framework/core/http/router.py: mistakes in controllers that stop the boot."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

import pytest
from aiohttp import web
from dependency_injector import providers
from pydantic import BaseModel

from app.framework import (
    Body,
    BootError,
    MessageBody,
    Param,
    controller,
    get,
    http_code,
    post,
    subscribe_message,
    web_socket_gateway,
)
from tests.unit.framework.assembling import application, start_error


class _Cat(BaseModel):
    name: str


def test_decorator_refuses_a_second_route() -> None:
    """If a method had two routes, only one of them would work."""
    with pytest.raises(BootError) as caught:

        class _Cats:
            @get()
            @post()
            async def both(self) -> None: ...

    assert str(caught.value).endswith("_Cats.both has two routes; write one method for each route")


ALL_MARKERS = "Body(), Param(), Query(), Headers(), Req(), Res()"


async def test_boot_fails_when_a_route_is_a_generator() -> None:
    @controller("cats")
    class _Cats:
        @get()
        async def index(self) -> AsyncIterator[int]:
            yield 1

    assert (
        "_Cats.index is a generator, which HTTP does not stream; "
        "return the values, or a web.StreamResponse"
    ) == await start_error(providers.Singleton(_Cats))


async def test_boot_fails_when_a_path_lacks_a_parameter() -> None:
    """A path in Nest's form ``:id`` would match only the text ``:id``."""

    @controller("cats")
    class _Colon:
        @get(":id")
        async def cat(self) -> None: ...

    @controller("cats")
    class _Missing:
        @get("{id}")
        async def cat(self, name: Annotated[str, Param("name")]) -> None: ...

    assert "_Colon.cat: the path /cats/:id has the parameter :id; write {id}" == (
        await start_error(providers.Singleton(_Colon))
    )
    assert (
        "_Missing.cat: the path /cats/{id} has no parameter 'name'; "
        "write {name} in the path, or correct Param('name')"
    ) == await start_error(providers.Singleton(_Missing))


@pytest.mark.parametrize(
    ("path", "why"),
    [
        (
            "*",
            "the path /cats/* has the wildcard *, which would match only itself; write {rest:.*}",
        ),
        (
            "all?sort=name",
            (
                "the path /cats/all?sort=name has a query or a fragment, so it would match "
                "nothing; read the query with Query()"
            ),
        ),
        ("{id", "the path /cats/{id cannot be used: Invalid path '/cats/{id'['/cats/{id']"),
        ("{id:[}", "the path /cats/{id:[} cannot be used: Bad pattern "),
        ("{id}/{id}", "the path /cats/{id}/{id} cannot be used: Bad pattern "),
    ],
)
async def test_boot_fails_when_a_path_cannot_be_used(path: str, why: str) -> None:
    """The error names the handler, and comes before a port is opened."""

    @controller("cats")
    class _Cats:
        @get(path)
        async def cat(self) -> None: ...

    error = await start_error(providers.Singleton(_Cats))

    assert error.startswith(f"_Cats.cat: {why}")


async def test_boot_succeeds_when_a_pattern_of_a_path_has_special_characters() -> None:
    @controller("cats")
    class _Cats:
        @get("{rest:(?:[a-z]{2})*?}")
        async def cat(self) -> None: ...

    app = application(providers.Singleton(_Cats))

    await app.init()
    await app.close()


async def test_boot_fails_when_a_marker_is_for_the_other_kind_of_handler() -> None:
    @controller("cats")
    class _Cats:
        @post()
        async def create(self, cat: Annotated[_Cat, MessageBody()]) -> None: ...

    @web_socket_gateway()
    class _Gateway:
        @subscribe_message("create")
        async def create(self, cat: Annotated[_Cat, Body()]) -> None: ...

    assert (
        "_Cats.create: the marker of parameter 'cat' is for gateways; "
        f"write {ALL_MARKERS} or a custom parameter decorator"
    ) == await start_error(providers.Singleton(_Cats))
    assert (
        "_Gateway.create: the marker of parameter 'cat' is for controllers; write "
        "MessageBody(), ConnectedSocket(), Ack() or a custom parameter decorator"
    ) == await start_error(providers.Singleton(_Gateway))


async def test_boot_fails_when_a_dto_has_no_marker() -> None:
    """The parameter would receive aiohttp's request."""

    @controller("cats")
    class _Cats:
        @post()
        async def create(self, cat: _Cat) -> None: ...

    assert (
        "_Cats.create: parameter 'cat' receives the request, but its annotation is another type; "
        "a handler without markers takes (request, response): add a request parameter before "
        "this one, or annotate this one with Body()"
    ) == await start_error(providers.Singleton(_Cats))


@pytest.mark.parametrize("returned", [web.Response, web.StreamResponse | None])
async def test_boot_fails_when_a_status_is_set_for_a_response_of_aiohttp(returned: Any) -> None:
    """The response has a status of its own, which is sent."""

    @controller("cats")
    class _Cats:
        @get()
        @http_code(202)
        async def cat(self) -> returned:
            return web.Response()

    assert (
        "_Cats.cat: @http_code has no effect on a response of aiohttp; set its status"
    ) == await start_error(providers.Singleton(_Cats))
