"""What is refused because a decorator would not do what it says."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from app.framework import (
    BootError,
    Cors,
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
        ({"ping_interval_seconds": 0}, "ping_interval_seconds=0 is not above 0; leave it out"),
        ({"max_frame_bytes": -1}, "max_frame_bytes=-1 is not above 0; leave it out"),
        (
            {"cors": Cors("https://a.example")},  # type: ignore[arg-type]
            (
                "cors=Cors(origins='https://a.example') is not supported; "
                "list the origins, cors=Cors(('https://chat.example',))"
            ),
        ),
        (
            {"cors": Cors(("*",))},
            "cors='*' matches no page; write each origin in full, such as https://chat.example",
        ),
        (
            {"cors": True},
            "cors=True is not supported; list the origins, cors=Cors(('https://chat.example',))",
        ),
    ],
)
def test_boot_fails_when_an_option_would_not_do_what_it_says(
    options: dict[str, Any], sentence: str
) -> None:
    """A text as origins would let every part of it in; ``*`` would let nobody in."""

    @web_socket_gateway(**options)
    class _Gateway:
        pass

    assert f"_Gateway: {sentence}" == boot_error(_Gateway())


def test_decorator_is_refused_when_its_parentheses_are_missing() -> None:
    """It would take what it stands on for its argument, and do nothing."""

    def method() -> None: ...

    class _Class:
        pass

    for decorate, on, sentence in [
        (web_socket_gateway, _Class, "is not a port; write @web_socket_gateway()"),
        (controller, _Class, "is not a path; write @controller()"),
        (get, method, "is not a path; write @get()"),
        (subscribe_message, method, "is not the name of an event; give it as a text"),
        (use_guards, method, "@use_guards was given the function method; give it classes"),
    ]:
        with pytest.raises(BootError) as caught:
            decorate(on)  # type: ignore[operator]
        assert sentence in str(caught.value)


def test_gateway_is_refused_when_its_namespace_is_a_pattern() -> None:
    """Nest's regular expressions are not supported."""
    with pytest.raises(BootError, match="is not supported; give one name, a text"):
        web_socket_gateway(namespace=re.compile("/rooms-.*"))  # type: ignore[arg-type]


@pytest.mark.parametrize("decorator", [use_guards, use_pipes, use_interceptors, use_filters])
def test_decorator_is_refused_when_it_names_nothing(decorator: Callable[[], object]) -> None:
    """Parentheses that were left empty would leave the handler open."""
    with pytest.raises(BootError, match=r"\(\) names nothing, so it has no effect; name a class$"):
        decorator()
