import re
from typing import Any

import pytest

from app.framework import BootError, Cors, EngineOptions, web_socket_gateway
from app.framework.common.metadata import get_metadata
from app.framework.websockets.cors import origin_matcher
from app.framework.websockets.decorators import GATEWAY_OPTIONS

A, B, SHORT = "https://a.example", "https://b.example", "https://a.exampl"


async def _later(_: str) -> bool:
    return True


@pytest.mark.parametrize(
    ("origins", "accepted", "refused"),
    [
        (A, [A], [B, SHORT, ""]),
        ([A, "https://B.example:443"], [A, B], [SHORT]),
        (B, [B], [f"{B}:443", "https://B.example", f"{B}:444", f"{B}/"]),
        ("*", [A, "null"], []),
        (True, [A, "null"], []),
        (False, [], [A]),
        ((), [], [A]),
        ("null", ["null"], [A]),
        ("file://", ["file://"], [A]),
        (re.compile(r"^https://[ab]\.example$"), [A, B], [SHORT, f"{A}.evil.example"]),
        (re.compile(r"\.example$"), [A, B], [SHORT]),
        (lambda origin: origin == B, [B], [A]),
        ({B}.__contains__, [B], [A]),
        ([A, re.compile("^https://b"), lambda origin: origin == "null"], [A, B, "null"], [SHORT]),
        (lambda _: "true", [], [A]),
    ],
)
def test_an_origin_is_accepted_as_in_nest(
    origins: Any, accepted: list[str], refused: list[str]
) -> None:
    """A text is compared whole, a regular expression is searched, and a function returns True."""
    allows = origin_matcher(Cors(origins).origins)

    assert accepted == [origin for origin in (*accepted, *refused) if allows(origin)]


@pytest.mark.parametrize(
    ("origins", "sentence"),
    [
        (["*"], "'*' in a list matches no page; write Cors('*') for any origin"),
        ("https://*.example", "'https://*.example' matches no page; write an origin in full"),
        ("chat.example", "'chat.example' matches no page; write an origin in full"),
        (f"{A}/", f"'{A}/' matches no page; write an origin in full and without a slash"),
        ([A, 1], "1 is not an origin, a regular expression or a function"),
        (1, "origins=1 is not supported"),
        (re.compile(b"a"), "re.compile(b'a') is not an origin, a regular expression"),
        (_later, "is async; write a plain function"),
        (
            lambda origin, callback: callback(None, origin == A),
            "must take one argument, the origin",
        ),
        ([A, lambda: True], "must take one argument, the origin, and return True to accept it"),
        (None, "origins=None is not supported; give an origin such as 'https://chat.example'"),
    ],
)
def test_origins_that_match_no_page_are_refused(origins: Any, sentence: str) -> None:
    for make in (Cors, lambda given: EngineOptions(origins=given)):
        with pytest.raises(BootError, match=re.escape(sentence)):
            make(origins)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"origin": A}, "Cors has no option 'origin'; name it origins"),
        ({"origins": A, "credentials": True}, "Cors has no option 'credentials'; remove it: "),
        ({"origins": A, "methods": ["GET"]}, "Cors has no option 'methods'; remove it: "),
        ({}, "origins=None is not supported; give an origin such as 'https://chat.example'"),
    ],
)
def test_other_options_of_nest_are_refused(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(BootError, match=re.escape(sentence)):
        Cors(**options)


@pytest.mark.parametrize("cors", [{"origin": "*"}, "*", ("https://a.example",)])
def test_an_option_of_another_type_is_refused(cors: Any) -> None:
    with pytest.raises(BootError, match=r"@web_socket_gateway: cors=.* is not supported"):
        web_socket_gateway(cors=cors)


def test_true_is_any_origin_of_a_gateway() -> None:
    """``cors=True`` accepts any origin, like Nest's ``cors: true``."""

    @web_socket_gateway(cors=True)
    class _Gateway:
        pass

    assert Cors("*") == get_metadata(_Gateway, GATEWAY_OPTIONS).cors
