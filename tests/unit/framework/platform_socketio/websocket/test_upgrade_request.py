"""Tests which parts of an upgrade request are stored.

The tested module is app/framework/platform_socketio/websocket/upgrade.py.
"""

import sys
from uuid import uuid4

from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict

from app.framework.platform_socketio.websocket.upgrade import UpgradeRequest


def test_headers_are_joined_when_repeated() -> None:
    """As in Node, repeated headers are joined, and names are in lower case."""
    headers = [("Host", "chat"), ("X-Forwarded-For", "192.0.2.1"), ("x-forwarded-for", "192.0.2.2")]

    request = UpgradeRequest.of(make_mocked_request("GET", "/?EIO=4", CIMultiDict(headers)), ())

    assert "192.0.2.1, 192.0.2.2" == request.headers["x-forwarded-for"]
    assert {"EIO": "4"} == request.query


def test_nothing_is_kept_for_good_when_a_client_makes_up_names() -> None:
    """Names are not interned: on Python 3.12 an interned string stays in memory forever."""
    name = f"x-{uuid4()}"

    request = UpgradeRequest.of(make_mocked_request("GET", "/", CIMultiDict([(name, "1")])), ())

    (kept,) = [each for each in request.headers if each == name]
    assert sys.intern(name.upper().lower()) is not kept


def test_named_headers_and_parameters_are_kept_alone_when_the_options_name_any() -> None:
    """Stored headers take memory for the whole connection, and a client may send 16 kB of them."""
    headers = CIMultiDict([("User-Agent", "phone"), ("X-Junk", "x" * 8_000)])
    mocked = make_mocked_request("GET", "/?EIO=4&junk=x", headers)

    request = UpgradeRequest.of(mocked, (), frozenset({"user-agent"}), frozenset({"EIO"}))

    assert ({"user-agent": "phone"}, {"EIO": "4"}) == (request.headers, request.query)


def test_connections_share_one_empty_mapping_when_the_options_name_nothing() -> None:
    """An empty dict takes 64 bytes, and otherwise each connection would have two."""
    mocked = make_mocked_request("GET", "/?EIO=4", CIMultiDict([("Host", "chat")]))

    first, second = (UpgradeRequest.of(mocked, (), frozenset(), frozenset()) for _ in range(2))

    assert {} == first.headers == first.query
    assert first.headers is second.headers
    assert first.query is second.query
