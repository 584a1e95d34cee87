"""`forward_ref`: lets two classes use each other."""

from collections.abc import Callable
from typing import Generic, TypeVar

from dependency_injector import providers

from app.framework.common.exceptions import BootError
from app.framework.common.providers import imported
from app.framework.core.injector import ModuleRef

T = TypeVar("T")


class ForwardRef(Generic[T]):
    """A function that returns an instance that is built later: ``self._dogs().bark()``."""

    def __init__(self, token: Callable[[], type[T]], module_ref: ModuleRef) -> None:
        self._token = token
        self._module_ref = module_ref
        self._instance: T | None = None
        self._is_building = False

    def __call__(self) -> T:
        """Return the instance.

        Raises:
            BootError: The caller is the constructor of a class on which the returned instance
                depends.
        """
        if self._instance is None:
            token = self._token()
            if self._is_building:
                raise BootError(
                    f"The forward_ref of {token.__name__} is called in a constructor that "
                    f"{token.__name__} needs; call it in on_module_init or later"
                )
            self._is_building = True
            try:
                self._instance = self._module_ref.get(token)
            finally:
                self._is_building = False
        return self._instance

    def on_module_init(self) -> None:
        """Get the instance at the start: this raises `BootError` if the class has no provider."""
        self()


def forward_ref(token: Callable[[], type[T]]) -> providers.Provider[ForwardRef[T]]:
    """Nest's ``forwardRef``: write ``forward_ref(lambda: DogsService)`` in place of a provider.

    The constructor receives a `ForwardRef`. Only one of the two classes needs a `ForwardRef`, and
    the other class may belong to any module.

    Raises:
        BootError: The argument is the class itself.
    """
    if isinstance(token, type):
        raise BootError(
            f"forward_ref names the class {token.__name__}; "
            f"write forward_ref(lambda: {token.__name__})"
        )
    return providers.Singleton(ForwardRef, token, imported(ModuleRef))
