"""Port of Nest's testing module: builds a module without a server, with replaced providers.

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
from unittest.mock import DEFAULT, NonCallableMock

from dependency_injector import containers, providers

from app.framework.common.exceptions import BootError
from app.framework.common.pipes import PipeTransform
from app.framework.core.application import NestApplication
from app.framework.core.declaration_order import AnyProvider
from app.framework.core.injector import Injector, Module, constructor_arguments, instantiate
from app.framework.core.provided_class import annotated_class
from app.framework.platform_socketio.io_adapter import IoAdapter, IoOptions

T = TypeVar("T")


class Test:
    """Creates testing modules, like Nest's ``Test``."""

    __test__ = False

    @staticmethod
    def create_testing_module(module: Module, **imports: Any) -> "TestingModuleBuilder":
        """Return a builder for a module; ``imports`` provides what the module imports."""
        return TestingModuleBuilder(instantiate(module, **imports))


class TestingModuleBuilder:
    """Collects overrides, which `compile` applies. The last override of a class wins."""

    __test__ = False

    def __init__(self, container: containers.Container) -> None:
        self._container = container
        self._overrides: dict[type, Callable[[Injector], AnyProvider]] = {}

    def override_provider(self, token: type) -> "Override":
        """Replace the provider of a class or port, even where a decorator names the class.

        Raises:
            BootError: The argument is not a class.
        """
        _check_class("override_provider", token)
        return Override(self, token)

    # Nest's names for overriding enhancers. These methods also replace global enhancers.
    override_guard = override_provider
    override_pipe = override_provider
    override_interceptor = override_provider
    override_filter = override_provider

    def compile(self) -> "TestingModule":
        """Apply the overrides; raise `BootError` if the module lacks an overridden class."""
        injector = Injector(self._container)
        for token, create in self._overrides.items():
            found = injector.find(token)
            if not found:
                raise BootError(
                    f"{token.__name__} cannot be overridden, because the tested module does not "
                    "provide it; override a class or port that it provides or imports"
                )
            replacement = create(injector)
            for provider in found:
                provider.override(replacement)
        self._container.reset_singletons()
        return TestingModule(self._container)

    def add(
        self, token: type, replacement: Callable[[Injector], AnyProvider]
    ) -> "TestingModuleBuilder":
        """Store an override; `Override` calls this method."""
        self._overrides[token] = replacement
        return self


class Override:
    """Sets the replacement of a provider."""

    def __init__(self, builder: TestingModuleBuilder, token: type) -> None:
        self._builder = builder
        self._token = token

    def use_value(self, value: object) -> TestingModuleBuilder:
        """Provide this object. A mock of a pipe returns its argument until a result is set."""
        if isinstance(value, NonCallableMock) and isinstance(value, PipeTransform):
            _keep_values(value)
        return self._builder.add(self._token, lambda _: providers.Object(value))

    def use_class(self, cls: type) -> TestingModuleBuilder:
        """Provide one instance of this class; its constructor's arguments are injected by type.

        Raises:
            BootError: The argument is not a class.
        """
        _check_class("use_class", cls)
        return self._builder.add(
            self._token,
            lambda injector: providers.Singleton(cls, **constructor_arguments(cls, injector)),
        )

    def use_factory(
        self, factory: Callable[..., object], inject: Iterable[type] = ()
    ) -> TestingModuleBuilder:
        """Provide the result of ``factory``.

        ``factory`` is called once, with instances of the classes in ``inject``.
        """
        return self._builder.add(
            self._token,
            lambda injector: providers.Singleton(
                factory, *(injector.provider_of(each) for each in inject)
            ),
        )


def _check_class(method: str, value: object) -> None:
    if annotated_class(value) is None:
        raise BootError(f"{method} was given {value!r}, which is not a class; give it a class")


def _keep_values(pipe: Any) -> None:
    """Make a mock of a pipe return its argument until the test sets a result.

    Otherwise ``transform`` would return a mock, and the handler would receive it.
    """

    def transform(value: object, metadata: object) -> object:
        del metadata
        is_set = not isinstance(pipe.transform.return_value, NonCallableMock)
        return DEFAULT if is_set else value

    if pipe.transform.side_effect is None:
        pipe.transform.side_effect = transform


class TestingModule:
    """A compiled module. Each singleton is built when it is first needed, or by `init`."""

    __test__ = False

    def __init__(self, container: containers.Container) -> None:
        self._container = container
        self._app = self.create_nest_application()

    def get(self, token: type[T]) -> T:
        """Return the instance of a class; only this instance and its dependencies are built."""
        return self._app.get(token)

    async def resolve(self, token: type[T]) -> T:
        """Create an instance if the class has a ``providers.Factory``.

        Otherwise, return the same instance as `get`.
        """
        return await self._app.resolve(token)

    async def init(self) -> "TestingModule":
        """Call `NestApplication.init`. This opens no port.

        Unlike in Nest, the ``after_init`` hooks of gateways run too.
        """
        await self._app.init()
        return self

    async def close(self) -> None:
        """Run the closing hooks. As in Nest, this works even if `init` was never called."""
        await self._app.close()

    def create_nest_application(
        self, adapter: IoAdapter | IoOptions | None = None
    ) -> NestApplication:
        """Create an application for tests with real clients; ``await app.listen(0)`` starts it.

        Args:
            adapter: The application's own adapter, or the options for an `IoAdapter`.
        """
        if not isinstance(adapter, IoAdapter):
            adapter = IoAdapter(adapter or IoOptions())
        return NestApplication(self._container, adapter)
