"""Tests that the boot fails on guards, interceptors, pipes and filters that cannot work."""

from asyncio import CancelledError
from collections.abc import AsyncIterator, Iterator
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest

from app.framework import (
    ArgumentMetadata,
    BaseWsExceptionFilter,
    CanActivate,
    ExceptionFilter,
    ExecutionContext,
    NestInterceptor,
    PipeTransform,
    ValidationPipe,
    catch,
    subscribe_message,
    use_filters,
    use_guards,
    use_interceptors,
    use_pipes,
    web_socket_gateway,
)
from tests.unit.framework.driving import Driver, boot_error


@pytest.mark.parametrize(
    ("decorate", "base", "method"),
    [
        (use_guards, CanActivate, "can_activate"),
        (use_interceptors, NestInterceptor, "intercept"),
        (use_filters, ExceptionFilter, "catch"),
    ],
)
def test_boot_fails_when_an_enhancer_lacks_its_method(
    decorate: Any, base: type, method: str
) -> None:
    """If the method has Nest's spelling, such as ``canActivate``, the base's method would run."""

    class _Misspelt(base):  # type: ignore[misc]
        pass

    @web_socket_gateway()
    @decorate(_Misspelt)
    class _Gateway:
        pass

    assert boot_error(_Gateway()).endswith(
        f"names _Misspelt, which does not override {method}; add the method"
    )


def test_boot_fails_when_a_guard_is_a_generator() -> None:
    """The generator object would be truthy, so the guard would let every event pass."""

    class _Yielding:
        def can_activate(self, context: ExecutionContext) -> Iterator[bool]:
            del context
            yield False

    class _YieldingLater:
        async def can_activate(self, context: ExecutionContext) -> AsyncIterator[bool]:
            del context
            yield False

    for guard in (_Yielding, _YieldingLater):

        @web_socket_gateway()
        @use_guards(guard)
        class _Gateway:
            pass

        assert (
            f"_Gateway: @use_guards names {guard.__name__}, whose can_activate is a generator; "
            "use return instead of yield"
        ) == boot_error(_Gateway())


async def test_enhancer_may_be_any_object_when_it_has_the_method() -> None:
    """A mock that has the method of a guard is accepted as a guard."""
    guard = SimpleNamespace(can_activate=lambda _: False)

    @web_socket_gateway()
    @use_guards(guard)
    @use_pipes(Mock(spec=PipeTransform))
    class _Gateway:
        @subscribe_message("event")
        def on_event(self) -> None: ...

    assert ["forbidden"] == [answer["code"] for answer in await Driver(_Gateway()).call("event")]


def test_boot_fails_when_a_filter_is_to_catch_what_is_never_raised_here() -> None:
    """A filter may catch only subclasses of Exception, and so no cancellation."""

    @catch(CancelledError)  # type: ignore[arg-type]
    class _Cancelled(BaseWsExceptionFilter):
        pass

    @web_socket_gateway()
    @use_filters(_Cancelled)
    class _Gateway:
        pass

    assert (
        "_Gateway: @use_filters names _Cancelled, whose @catch names "
        f"{CancelledError!r}; name subclasses of Exception, or nothing to catch all"
    ) == boot_error(_Gateway())


def test_boot_fails_when_a_pipe_overrides_transform_of_a_base_that_binds() -> None:
    """`ValidationPipe` works in `bind`, so an override of ``transform`` would never run."""

    class _Stricter(ValidationPipe):
        def transform(self, value: Any, metadata: ArgumentMetadata) -> Any:
            raise AssertionError((value, metadata))

    @web_socket_gateway()
    @use_pipes(_Stricter)
    class _Gateway:
        pass

    assert (
        "_Gateway: @use_pipes names _Stricter, which overrides transform, "
        "but its base class uses bind; override bind instead"
    ) == boot_error(_Gateway())
