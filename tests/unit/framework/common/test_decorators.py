"""Tests that decorators reject arguments that would have no effect."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from app.framework import (
    BootError,
    controller,
    get,
    subscribe_message,
    use_filters,
    use_guards,
    use_interceptors,
    use_pipes,
    web_socket_gateway,
)
from app.framework.common.metadata import get_metadata
from app.framework.websockets.decorators import GATEWAY_OPTIONS
from tests.unit.framework.driving import boot_error


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            {"ping_interval_seconds": 0},
            "ping_interval_seconds=0 must be greater than 0; change or remove it",
        ),
        ({"max_frame_bytes": -1}, "max_frame_bytes=-1 must be greater than 0; change or remove it"),
    ],
)
def test_boot_fails_when_an_option_would_not_do_what_it_says(
    options: dict[str, Any], sentence: str
) -> None:
    @web_socket_gateway(**options)
    class _Gateway:
        pass

    assert f"_Gateway: {sentence}" == boot_error(_Gateway())


def test_decorator_is_refused_when_its_parentheses_are_missing() -> None:
    """Without parentheses, the decorator would take the class or method for its argument."""

    def method() -> None: ...

    class _Class:
        pass

    for decorate, on, sentence in [
        (web_socket_gateway, _Class, "is not a port; write @web_socket_gateway()"),
        (controller, _Class, "is not a path; write @controller()"),
        (get, method, "is not a path; write @get()"),
        (subscribe_message, method, "is not the name of an event; give it as a string"),
        (use_guards, method, "@use_guards was given the function method; give it classes"),
    ]:
        with pytest.raises(BootError) as caught:
            decorate(on)  # type: ignore[operator]
        assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("namespace", "sentence"),
    [
        (["/rooms"], "is not supported; give one string or one compiled regular expression"),
        (re.compile(b"/rooms"), "is not supported; give one string"),
        ("/rooms/:a/:a", "has a wrong parameter"),
        ("/rooms/:4", "name each parameter once, like a variable"),
    ],
)
def test_gateway_is_refused_when_its_namespace_is_no_name_or_pattern(
    namespace: Any, sentence: str
) -> None:
    """As in Nest, a gateway has one namespace, or one pattern for the names of namespaces."""
    with pytest.raises(BootError, match=sentence):
        web_socket_gateway(namespace=namespace)


@pytest.mark.parametrize(
    ("namespace", "name", "params"),
    [
        ("rooms/:id", "/rooms/a-1", {"id": "a-1"}),
        ("/:team/r.oms/:id/", "/x/r.oms/5", {"team": "x", "id": "5"}),
        ("/rooms/:id", "/rooms/a/b", None),
        ("/r.oms/:id", "/rooms/a", None),
        (re.compile(r"^/room-(?P<number>\d+)$"), "/room-7", {"number": "7"}),
        (re.compile(r"/room-\d+"), "/room-7/admin", None),
    ],
)
def test_namespace_matches_whole_names_when_it_has_parameters(
    namespace: str | re.Pattern[str], name: str, params: dict[str, str] | None
) -> None:
    """A parameter does not match across a slash."""
    gateway = web_socket_gateway(namespace=namespace)(type("Gateway", (), {}))

    pattern = get_metadata(gateway, GATEWAY_OPTIONS).namespace_pattern
    match = pattern.fullmatch(name)

    assert params == (match and match.groupdict())


@pytest.mark.parametrize("decorator", [use_guards, use_pipes, use_interceptors, use_filters])
def test_decorator_is_refused_when_it_names_nothing(decorator: Callable[[], object]) -> None:
    """With empty parentheses, a decorator has no effect. For example, no guard would run."""
    with pytest.raises(BootError, match=r"\(\) names nothing, so it has no effect; name a class$"):
        decorator()
