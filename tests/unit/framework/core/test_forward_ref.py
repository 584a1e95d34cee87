"""Tests app/framework/core/forward_ref.py."""

import pytest
from dependency_injector import containers, providers

from app.framework import BootError, ForwardRef, NestFactory, forward_ref, imported
from app.framework.testing import Test
from tests.unit.framework.assembling import start_error


class _Cats:
    def __init__(self, dogs: "ForwardRef[_Dogs]") -> None:
        self._dogs = dogs

    def chase(self) -> "_Dogs":
        return self._dogs()


class _Dogs:
    def __init__(self, cats: _Cats) -> None:
        self.cats = cats


class _Module(containers.DeclarativeContainer):
    cats = providers.Singleton(_Cats, forward_ref(lambda: _Dogs))
    dogs = providers.Singleton(_Dogs, cats)


async def test_two_classes_use_each_other_when_one_has_a_forward_ref() -> None:
    app = NestFactory.create(_Module)
    await app.init()

    assert app.get(_Cats).chase() is app.get(_Dogs)
    assert app.get(_Dogs).cats is app.get(_Cats)


async def test_two_modules_use_each_other_when_one_has_a_forward_ref() -> None:
    """A module that names a class with `forward_ref` needs no ``imported(...)`` for the class."""

    class _CatsModule(containers.DeclarativeContainer):
        cats = providers.Singleton(_Cats, forward_ref(lambda: _Dogs))

    class _DogsModule(containers.DeclarativeContainer):
        cats: providers.Dependency[_Cats] = imported(_Cats)
        dogs = providers.Singleton(_Dogs, cats)

    class _Root(containers.DeclarativeContainer):
        cats_module = providers.Container(_CatsModule)
        dogs_module = providers.Container(_DogsModule, cats=cats_module.cats)

    app = NestFactory.create(_Root)
    await app.init()

    assert app.get(_Cats).chase() is app.get(_Dogs)


def test_forward_ref_gives_the_replacement_when_its_class_is_overridden() -> None:
    stranger = object()
    builder = Test.create_testing_module(_Module).override_provider(_Dogs)
    module = builder.use_value(stranger).compile()

    found: object = module.get(_Cats).chase()

    assert stranger is found


async def test_boot_fails_when_a_constructor_calls_its_forward_ref() -> None:
    """Each instance would be built in the constructor of the other one, without end."""

    class _Eager(_Cats):
        def __init__(self, dogs: ForwardRef[_Dogs]) -> None:
            super().__init__(dogs)
            dogs()

    cats = providers.Singleton(_Eager, forward_ref(lambda: _Dogs))

    assert (
        "The forward_ref of _Dogs is called in a constructor that _Dogs needs; "
        "call it in on_module_init or later"
    ) == await start_error(cats, providers.Singleton(_Dogs, cats))


def test_forward_ref_is_refused_when_its_argument_is_the_class() -> None:
    with pytest.raises(BootError) as caught:
        forward_ref(_Dogs)  # type: ignore[arg-type]

    assert "forward_ref names the class _Dogs; write forward_ref(lambda: _Dogs)" == str(
        caught.value
    )


async def test_boot_fails_when_no_module_provides_the_class_of_a_forward_ref() -> None:
    """The mistake is found at boot, not at the first call."""
    assert "No module provides _Dogs; add a provider for it" == await start_error(
        providers.Singleton(_Cats, forward_ref(lambda: _Dogs))
    )
