"""Tests the metadata of classes and functions, and the `Reflector`."""

from functools import wraps
from typing import Any

import pytest

from app.framework import (
    CanActivate,
    ExecutionContext,
    Reflector,
    set_metadata,
    subscribe_message,
    use_guards,
    web_socket_gateway,
)
from tests.unit.framework.driving import Driver

ROLES = "roles"


class _RolesGuard(CanActivate):
    """The guard from Nest's documentation."""

    def __init__(self) -> None:
        self._reflector = Reflector()

    def can_activate(self, context: ExecutionContext) -> bool:
        wanted = self._reflector.get_all_and_override(
            ROLES, [context.get_handler(), context.get_class()]
        )
        return wanted is None or context.get_data() in wanted


@set_metadata(ROLES, ["user"])
@use_guards(_RolesGuard)
@web_socket_gateway()
class _Gateway:
    @subscribe_message("read")
    def read(self) -> str:
        return "read"

    @subscribe_message("write")
    @set_metadata(ROLES, ("admin",))
    def write(self) -> str:
        return "written"


@pytest.mark.parametrize(
    ("event", "role", "allowed"),
    [("read", "user", True), ("write", "user", False), ("write", "admin", True)],
)
async def test_guard_reads_the_handlers_mark_before_the_classs_when_both_have_one(
    event: str, role: str, *, allowed: bool
) -> None:
    """As in Nest, guards pass the handler and its class to `get_all_and_override`."""
    acked = await Driver(_Gateway()).call(event, role)

    assert allowed == (acked in (["read"], ["written"]))


def test_get_gives_none_when_the_mark_is_absent() -> None:
    """Nest returns undefined for an absent key."""
    reflector = Reflector()

    assert reflector.get("absent", _Gateway) is None
    assert [None, None] == reflector.get_all("absent", [_Gateway.read, _Gateway])
    assert reflector.get_all_and_override("absent", [_Gateway.read, _Gateway]) is None
    assert [] == reflector.get_all_and_merge("absent", [_Gateway.read, _Gateway])


@pytest.mark.parametrize("falsy", [False, 0, "", ()])
def test_override_takes_a_falsy_mark_when_it_comes_first(falsy: Any) -> None:
    """The reflector skips absent values only, not falsy ones."""

    def handler() -> None: ...

    set_metadata("mark", falsy)(handler)

    assert falsy == Reflector().get_all_and_override("mark", [handler, _Gateway])


def test_merge_puts_the_handlers_items_first_when_marks_are_lists() -> None:
    """The reflector joins lists and tuples, and adds any other value as one item."""

    def handler() -> None: ...

    set_metadata(ROLES, "owner")(handler)

    merged = Reflector().get_all_and_merge(ROLES, [handler, _Gateway.write, _Gateway])

    assert ["owner", "admin", "user"] == merged


_LIMITS = {"size": 1, "rate": 2}


@pytest.mark.parametrize(
    ("of_handler", "of_class", "merged"),
    [
        ({"size": 9, "burst": 3}, _LIMITS, {"size": 1, "burst": 3, "rate": 2}),
        (None, _LIMITS, _LIMITS),
        ({}, None, {}),
        (_LIMITS, "text", [_LIMITS, "text"]),
        (_LIMITS, ["text"], [_LIMITS, "text"]),
        (["text"], _LIMITS, ["text", _LIMITS]),
        ("one", None, ["one"]),
        (("one",), None, ["one"]),
    ],
)
def test_merge_follows_nest_when_marks_are_dicts(
    of_handler: Any, of_class: Any, merged: object
) -> None:
    """The results are those of Nest's ``getAllAndMerge``; the later target's item wins."""

    def handler() -> None: ...

    class _Class:
        pass

    set_metadata("mark", of_handler)(handler)
    set_metadata("mark", of_class)(_Class)

    assert merged == Reflector().get_all_and_merge("mark", [handler, _Class])


def test_class_inherits_marks_when_its_base_has_them() -> None:
    """A subclass may set its own value without changing the base class's value."""

    class _Sub(_Gateway):
        pass

    class _Own(_Gateway):
        pass

    set_metadata(ROLES, ["guest"])(_Own)
    reflector = Reflector()

    assert (["user"], ["guest"], ["user"]) == (
        reflector.get(ROLES, _Sub),
        reflector.get(ROLES, _Own),
        reflector.get(ROLES, _Gateway),
    )


def test_wrapped_function_keeps_its_marks_when_its_wrapper_is_marked() -> None:
    """``wraps`` copies the marks, so a mark on the wrapper must not change the wrapped function."""

    @set_metadata(ROLES, ["admin"])
    def wrapped() -> None: ...

    @set_metadata(ROLES, [])
    @wraps(wrapped)
    def wrapper() -> None: ...

    assert [["admin"], []] == Reflector().get_all(ROLES, [wrapped, wrapper])
