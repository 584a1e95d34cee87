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


def test_gateway_is_refused_when_its_namespace_is_a_pattern() -> None:
    """Unlike Nest, the framework does not support a regular expression as a namespace."""
    with pytest.raises(BootError, match="is not supported; give one string"):
        web_socket_gateway(namespace=re.compile("/rooms-.*"))  # type: ignore[arg-type]


@pytest.mark.parametrize("decorator", [use_guards, use_pipes, use_interceptors, use_filters])
def test_decorator_is_refused_when_it_names_nothing(decorator: Callable[[], object]) -> None:
    """With empty parentheses, a decorator has no effect. For example, no guard would run."""
    with pytest.raises(BootError, match=r"\(\) names nothing, so it has no effect; name a class$"):
        decorator()
