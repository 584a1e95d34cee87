"""Nest's testing module: a module with some of its providers replaced, without a server.

::

    module = (
        Test.create_testing_module(AuthModule)
        .override_provider(TokenVerifier).use_value(verifier)
        .compile()
    )
    client = fake_socket(AuthenticatedSocket, auth={"token": "good"})
    assert await activate(module.get(WsGuard), fake_context(client))
"""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from dependency_injector import containers, providers

from app.framework.common.exceptions import BootError
from app.framework.core.application import NestApplication
from app.framework.core.declaration_order import AnyProvider
from app.framework.core.injector import Injector, constructor_arguments
from app.framework.platform_socketio.io_adapter import IoAdapter, IoOptions

T = TypeVar("T")


class Test:
    """Nest's ``Test``."""

    __test__ = False

    @staticmethod
    def create_testing_module(
        module: type[containers.DeclarativeContainer] | containers.Container, **imports: Any
    ) -> "TestingModuleBuilder":
        """Start from a module's class, or an instance; ``imports`` fill what it depends on."""
        if isinstance(module, type):
            return TestingModuleBuilder(module(**imports))
        return TestingModuleBuilder(module)


class TestingModuleBuilder:
    """Collects overrides; they take effect in `compile`, the last of each wins."""

    __test__ = False

    def __init__(self, container: containers.Container) -> None:
        self._container = container
        self._overrides: dict[type, Callable[[Injector], AnyProvider]] = {}

    def override_provider(self, token: type) -> "Override":
        """Replace the provider of a class or a port, wherever it is used, decorators included."""
        return Override(self, token)

    def override_guard(self, token: type) -> "Override":
        """As `override_provider`: a guard is a provider here, global ones too."""
        return Override(self, token)

    def override_pipe(self, token: type) -> "Override":
        """As `override_provider`."""
        return Override(self, token)

    def override_interceptor(self, token: type) -> "Override":
        """As `override_provider`."""
        return Override(self, token)

    def override_filter(self, token: type) -> "Override":
        """As `override_provider`."""
        return Override(self, token)

    def compile(self) -> "TestingModule":
        """Apply the overrides. Builds nothing yet, runs no hook and no server.

        Raises:
            BootError: An overridden class is no provider of the module.
        """
        injector = Injector(self._container)
        for token, replacement in self._overrides.items():
            found = injector.find(token)
            if not found:
                raise BootError(
                    f"{token.__name__} cannot be overridden: "
                    "no module that is tested here provides it"
                )
            for provider in found:
                provider.override(replacement(injector))
        self._container.reset_singletons()
        return TestingModule(self._container)

    def add(
        self, token: type, replacement: Callable[[Injector], AnyProvider]
    ) -> "TestingModuleBuilder":
        """Remember an override; `Override` calls this."""
        self._overrides[token] = replacement
        return self


class Override:
    """What stands in for a provider."""

    def __init__(self, builder: TestingModuleBuilder, token: type) -> None:
        self._builder = builder
        self._token = token

    def use_value(self, value: object) -> TestingModuleBuilder:
        """This very object."""
        return self._builder.add(self._token, lambda _: providers.Object(value))

    def use_class(self, cls: type) -> TestingModuleBuilder:
        """One instance of this class; its constructor's parameters are resolved by their types."""
        return self._builder.add(
            self._token,
            lambda injector: providers.Singleton(cls, **constructor_arguments(cls, injector)),
        )

    def use_factory(
        self, factory: Callable[..., object], inject: Iterable[type] = ()
    ) -> TestingModuleBuilder:
        """What ``factory(*inject)`` gives, called once; ``inject`` names classes of providers."""
        return self._builder.add(
            self._token,
            lambda injector: providers.Singleton(
                factory, *(injector.provider_of(each) for each in inject)
            ),
        )


class TestingModule:
    """A compiled module: singletons on demand."""

    __test__ = False

    def __init__(self, container: containers.Container) -> None:
        self._container = container

    def get(self, token: type[T]) -> T:
        """The instance of a class; only what it needs is built."""
        return Injector(self._container).get(token)

    def create_nest_application(self, options: IoOptions | None = None) -> NestApplication:
        """An application of this module, for tests with real clients: ``await app.listen(0)``."""
        return NestApplication(self._container, IoAdapter(options or IoOptions()))
