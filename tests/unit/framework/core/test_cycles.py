"""Tests app/framework/core/cycles.py: providers that need each other are refused."""

from typing import Any

import pytest
from dependency_injector import containers, providers

from app.framework import BootError, NestFactory, imported


class _A:
    def __init__(self, needed: Any) -> None: ...


class _B(_A):
    pass


class _C(_A):
    pass


def cycle_error(module: type[containers.DeclarativeContainer]) -> str:
    with pytest.raises(BootError) as caught:
        NestFactory.create(module)
    return str(caught.value)


def test_boot_fails_when_providers_need_each_other() -> None:
    """The error names the fix and the classes on the cycle, but no class outside the cycle."""

    class _Cyclic(containers.DeclarativeContainer):
        outside: providers.Singleton[list[_A]] = providers.Singleton(list)
        a = providers.Singleton(_A)
        b = providers.Singleton(_B, providers.List(a))
        c = providers.Singleton(_C, b.provided.value)
        a.add_kwargs(needed=c)
        outside.add_args(a)

    assert (
        "_A needs _C, which needs _B, which needs _A: none of them can be built first. "
        "In the provider of _A, write forward_ref(lambda: _C) instead of the provider of _C"
    ) == cycle_error(_Cyclic)


def test_boot_fails_when_modules_need_each_other() -> None:
    class _AModule(containers.DeclarativeContainer):
        b: providers.Dependency[_B] = imported(_B)
        a = providers.Singleton(_A, b)

    class _BModule(containers.DeclarativeContainer):
        a: providers.Dependency[_A] = imported(_A)
        b = providers.Singleton(_B, a)

    class _Root(containers.DeclarativeContainer):
        a_module = providers.Container(_AModule)
        b_module = providers.Container(_BModule, a=a_module.a)
        a_module.b.override(b_module.b)

    sentence = cycle_error(_Root)

    assert sentence.startswith("_B needs _A, which needs _B: none of them can be built first.")


def test_boot_fails_when_a_provider_needs_itself() -> None:
    class _Own(containers.DeclarativeContainer):
        a = providers.Singleton(_A)
        a.add_args(a)

    assert "_A needs itself; remove it from the arguments of its provider" == cycle_error(_Own)


def test_no_cycle_is_found_when_an_override_or_a_delegate_breaks_it() -> None:
    """A delegate passes the provider itself, and an overridden provider is not called."""

    class _Broken(containers.DeclarativeContainer):
        a = providers.Singleton(_A)
        b = providers.Singleton(_B, a)
        c = providers.Singleton(_C)
        a.add_args(b)
        c.add_args(c.provider)

    module = _Broken()
    module.a.override(providers.Object(None))

    NestFactory.create(module).get(_B)
    NestFactory.create(module).get(_C)
