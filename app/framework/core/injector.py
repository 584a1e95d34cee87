"""`Injector`: finds the providers of a dependency-injector container by class.

dependency-injector finds a provider by the name of an attribute. Nest and our decorators find
providers by class.
"""

import asyncio
import inspect
from collections.abc import Iterable
from typing import Any, NoReturn, TypeVar

import structlog
from dependency_injector import containers, errors, providers

from app.framework.background.explorer import refuse_unread_decorators
from app.framework.common.exceptions import BootError
from app.framework.common.metadata import get_metadata
from app.framework.common.pipes import PipeTransform
from app.framework.core.cycles import refuse_cycles
from app.framework.core.declaration_order import (
    AnyProvider,
    dependencies_first,
    in_declaration_order,
    module_of,
)
from app.framework.core.global_modules import fill_imports
from app.framework.core.misplaced_decorators import (
    refuse_hooks_that_never_run,
    refuse_misplaced_decorators,
    refuse_undiscovered,
)
from app.framework.core.provided_class import (
    WITH_PROVIDES,
    annotated_class,
    callee_name,
    find_by_class,
    provided_class,
    without_aliases,
)
from app.framework.core.provider_kinds import (
    refuse_attributes_without_provider,
    refuse_class_arguments,
    refuse_unsupported,
)

T = TypeVar("T")

Module = containers.Container | type[containers.DeclarativeContainer]
"""A module or its class: the argument of `NestFactory.create`."""

FINISH_SECONDS = 5.0
"""The time that an async provider function has to end, after `init` was cancelled."""

_NO_INSTANCE = " is not an instance of "
"""Part of dependency-injector's error for a wrong import, between the object and the class."""

_VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)

_log = structlog.stdlib.get_logger("Injector")


def instantiate(module: object, **imports: Any) -> containers.Container:
    """Return a module unchanged; create one from a class; raise `BootError` for anything else."""
    if isinstance(module, type) and issubclass(module, containers.DeclarativeContainer):
        return module(**imports)
    name: str = getattr(module, "__name__", type(module).__name__)
    if isinstance(module, containers.Container):
        if imports:
            raise BootError(
                f"{', '.join(imports)}: a module that exists already takes no imports; pass the "
                "class of the module"
            )
        return module
    raise BootError(f"{name} is not a module; derive it from containers.DeclarativeContainer")


class Injector:
    """Finds the providers of a container by class; keeps them in the order of declaration."""

    def __init__(self, container: containers.Container) -> None:
        self._container = container
        self._module_ref = providers.Object(ModuleRef(self))
        self._unfinished: tuple[AnyProvider, Any] | None = None
        """The provider that `build_singletons` is calling, and its result, which may be pending."""
        self._is_checked = False
        fill_imports(container, self._module_ref)
        self._providers = in_declaration_order(container)
        refuse_cycles(self._providers)

    def check(self) -> None:
        """Raise `BootError` if a dependency is not provided, or if a decorator has no effect.

        After a check without a mistake, further calls have no effect.
        """
        if self._is_checked:
            return
        for module in (self._container, *filter(None, map(module_of, self._providers))):
            refuse_attributes_without_provider(module)
        for provider in self._providers:
            provides: object = provider.provides if isinstance(provider, WITH_PROVIDES) else None
            if isinstance(provides, type):
                refuse_misplaced_decorators(provides)
                if not isinstance(provider, providers.Singleton):
                    how = f"is provided by a {type(provider).__name__}"
                    refuse_undiscovered(provides, how)
                    refuse_hooks_that_never_run(provides, how)
                    refuse_unread_decorators(provides, f"because the class {how}")
            refuse_unsupported(provider)
            refuse_class_arguments(provider)
        self._check_imports()
        self._is_checked = True

    def get(self, token: type[T]) -> T:
        """Return the instance of a class or, if it has no provider, of its subclass; see `find`.

        Raises:
            BootError: There is no provider or more than one, the provider fails, or it creates an
                instance for each use.
        """
        provider = self.provider_of(token)
        if isinstance(provider, providers.Factory):
            raise BootError(
                f"{token.__name__} is provided by a Factory, so it has no single instance; "
                "use ModuleRef.resolve, which creates one"
            )
        instance: T = build(provider)
        return instance

    def provider_of(self, token: type) -> AnyProvider:
        """Return the provider that `find` finds; raise `BootError` if there are none or several."""
        found = self.find(token)
        if not found and token.__module__ == "builtins":
            raise BootError(
                f"{token.__name__} is a builtin class, which identifies no provider; "
                "put the value into a class of your own"
            )
        if not found:
            raise BootError(f"No module provides {token.__name__}; add a provider for it")
        if len(found) > 1:
            raise BootError(
                f"{token.__name__} has {len(found)} providers; get one of their classes instead"
            )
        return found[0]

    def find(self, token: type) -> list[AnyProvider]:
        """Return the providers of a class or, if there are none, those of its subclasses.

        If no subclass has a provider, return the dependencies that `imported` declares with this
        class.
        """
        token = annotated_class(token) or token
        found = find_by_class(self._providers, token)
        if not found:
            found = without_aliases(
                each for each in self._providers if _declared_class(each) is token
            )
        return found or find_by_class([self._module_ref], token)

    def resolve(self, reference: object, subject: str) -> Any:
        """Return an instance unchanged; for a class, return its instance or raise `BootError`.

        If the class has a ``providers.Factory``, each decorator that names the class gets a new
        instance. The same is true for a pipe class without a provider, if its constructor needs no
        arguments.
        """
        if not isinstance(reference, type):
            return reference
        if not self.find(reference):
            if issubclass(reference, PipeTransform) and not _needs_arguments(reference):
                return reference()
            raise BootError(
                f"{subject} names {reference.__name__}, but no module provides it; "
                f"add providers.Singleton({reference.__name__}, ...) to a module"
            )
        return build(self.provider_of(reference))

    def of_kind(self, kind: type[providers.Singleton[Any]]) -> tuple[Any, ...]:
        """Return the instances of all providers of a kind, such as `AppGuard`, each once."""
        return _without_duplicates(
            build(each) for each in self._providers if isinstance(each, kind)
        )

    def with_metadata(self, key: str) -> tuple[Any, ...]:
        """Return the instances of all provided classes with a metadata key, without duplicates."""
        instances = (
            build(provider)
            for provider in self._providers
            if get_metadata(provided_class(provider), key) is not None
        )
        # An overridden provider returns an instance of another class. That class may lack the key,
        # and another provider may return the same instance.
        return _without_duplicates(
            each for each in instances if get_metadata(type(each), key) is not None
        )

    async def build_singletons(self, built: list[object]) -> None:
        """Build all singletons, in the order of declaration, but after their dependencies.

        Append each to ``built`` at once, so that the caller can close them if a later one fails.
        An async provider function is called only once, and its result is awaited. The object of a
        ``providers.Object`` counts as a singleton.
        """
        for provider in dependencies_first(self._providers):
            if isinstance(provider, providers.Singleton) or type(provider) is providers.Object:
                self._unfinished = provider, call(provider)
                _add_instance(await _finish(*self._unfinished), built)
                self._unfinished = None

    async def finish_interrupted(
        self, built: list[object], timeout_seconds: float = FINISH_SECONDS
    ) -> None:
        """Wait for the async function that a cancelled `build_singletons` has left running.

        Append its instance to ``built``, so that the caller can close it. Log an error if the
        function does not end in time.
        """
        if self._unfinished is None:
            return
        finishing = asyncio.create_task(_finish(*self._unfinished))
        done, _ = await asyncio.wait([finishing], timeout=timeout_seconds)
        if not done:
            finishing.cancel()
            name = callee_name(self._unfinished[0])
            _log.error("async provider function does not end", function=name)
        elif finishing.exception() is None:
            _add_instance(finishing.result(), built)
        self._unfinished = None

    def _check_imports(self) -> None:
        try:
            self._container.check_dependencies()
        except errors.Error as error:
            missing = [
                f"{each.instance_of.__name__} for {each.parent_name or 'an argument'}"
                for each in self._missing_imports()
            ]
            fault = f"No module provides {', '.join(missing)}" if missing else str(error)
            raise BootError(
                f"{fault}: pass it to the module's constructor, provide it in a global module, or "
                "override its provider"
            ) from None
        except RecursionError:  # dependency-injector recurses when it names the import
            names = [each.instance_of.__name__ for each in self._missing_imports()]
            raise BootError(
                f"A subclass of a module replaces its import of {', '.join(names)}, which the "
                "module's other providers still use; pass it to the module's constructor instead"
            ) from None

    def _missing_imports(self) -> list[providers.Dependency[Any]]:
        imports = [each for each in self._providers if isinstance(each, providers.Dependency)]
        return [each for each in imports if not each.is_defined]


class ModuleRef:
    """Nest's ``ModuleRef``: finds and creates instances at run time.

    A module declares ``imported(ModuleRef)``, and the application provides the instance. The
    methods search the providers of all modules, like Nest's with ``strict: false``.
    """

    def __init__(self, injector: Injector) -> None:
        self._injector = injector

    def get(self, token: type[T]) -> T:
        """Return the instance of a class or, if it has no provider, of its subclass.

        Raises:
            BootError: There is not exactly one provider, or it is a ``providers.Factory``.
        """
        return self._injector.get(token)

    async def resolve(self, token: type[T]) -> T:
        """Create an instance if the class has a ``providers.Factory``, Nest's transient scope.

        For other providers this returns the same instance as `get`.

        Raises:
            BootError: There is not exactly one provider.
        """
        instance: T = await build_async(self._injector.provider_of(token))
        return instance

    async def create(self, cls: type[T]) -> T:
        """Create an instance of a class that has no provider; arguments are injected by annotation.

        Raises:
            BootError: An argument has no provider, or more than one.
        """
        arguments = constructor_arguments(cls, self._injector)
        instance: T = await build_async(providers.Factory(cls, **arguments))
        return instance


def _without_duplicates(instances: Iterable[Any]) -> tuple[Any, ...]:
    """Remove duplicates by identity, because some instances are not hashable."""
    return tuple({id(each): each for each in instances}.values())


def _needs_arguments(cls: type) -> bool:
    """Return whether a constructor has a parameter without a default."""
    return any(
        each.default is inspect.Parameter.empty and each.kind not in _VARIADIC
        for each in inspect.signature(cls).parameters.values()
    )


def _declared_class(provider: AnyProvider) -> object:
    return provider.instance_of if isinstance(provider, providers.Dependency) else None


def build(provider: AnyProvider) -> Any:
    """Call a provider; convert common mistakes to errors that explain the fix.

    Raises:
        BootError: The arguments do not match the constructor, a dependency is missing, or the
            result is awaitable.
    """
    instance = call(provider)
    if _is_pending(instance):
        _refuse_pending(provider, instance)
    return instance


async def build_async(provider: AnyProvider) -> Any:
    """Call a provider and await its result; after that, `build` returns a singleton's instance."""
    return await _finish(provider, call(provider))


async def _finish(provider: AnyProvider, result: Any) -> Any:
    """Await a provider's result if it is pending, and return the instance."""
    instance = result
    while _is_pending(instance):
        instance = await asyncio.shield(instance)  # other callers may await this future
    if instance is not result and isinstance(provider, providers.Singleton):
        provider.disable_async_mode()
    return instance


def _add_instance(instance: object, built: list[object]) -> None:
    """Append an instance unless it is in the list already, or is a class or module."""
    is_instance = not isinstance(instance, type | containers.Container)
    if is_instance and not any(instance is each for each in built):
        built.append(instance)


def _is_pending(instance: object) -> bool:
    """Return whether this is the unfinished result of an async function instead of the instance.

    Other awaitables are instances, for example the client of ``redis.asyncio``.
    """
    return asyncio.isfuture(instance) or inspect.iscoroutine(instance)


def call(provider: AnyProvider) -> Any:
    """Call a provider, which may return an awaitable; convert errors as `build` does."""
    try:
        return provider()
    except errors.Error as error:
        # Omit the text of the object: if it contains settings, their values may be secret.
        _, is_wrong, cls = str(error).rpartition(_NO_INSTANCE)
        fault = f"An import received an object that{is_wrong}{cls}" if is_wrong else str(error)
        raise BootError(
            f"{fault}: pass a provider of its class to the module's constructor, or override the "
            "provider"
        ) from None
    except TypeError as error:
        raise BootError(
            f"{callee_name(provider)} cannot be built: {error}; "
            "compare its provider with its constructor"
        ) from error


def _refuse_pending(provider: AnyProvider, instance: Any) -> NoReturn:
    """Raise `BootError`, because an async function returned this coroutine or future.

    Close a coroutine. Do not cancel a future: `init` may await it later.
    """
    if inspect.iscoroutine(instance):
        instance.close()
    raise BootError(
        f"{callee_name(provider)} or one of its dependencies comes from an async function, "
        "which runs in init(); await init() first"
    )


def constructor_arguments(cls: type, injector: Injector) -> dict[str, AnyProvider]:
    """Return a provider for each parameter of a constructor, found by its annotation as in Nest.

    Raises:
        BootError: A parameter has several providers, or neither a provider nor a default.
    """
    arguments: dict[str, AnyProvider] = {}
    for name, parameter in _signature(cls).parameters.items():
        if parameter.kind in _VARIADIC:  # ``*args`` of a Protocol's subclass without a constructor
            continue
        found = injector.find(parameter.annotation)
        if len(found) == 1:
            arguments[name] = found[0]
        elif found or parameter.default is inspect.Parameter.empty:
            raise BootError(f"{cls.__name__} {_problem(parameter, len(found))}")
    return arguments


def _signature(cls: type) -> inspect.Signature:
    try:
        return inspect.signature(cls, eval_str=True)
    except NameError as error:
        raise BootError(
            f"{cls.__name__} has an annotation that cannot be evaluated: {error}; "
            "import the name outside of TYPE_CHECKING"
        ) from None


def _problem(parameter: inspect.Parameter, count: int) -> str:
    """Describe the reason why a parameter cannot be injected, and how to fix it."""
    if parameter.annotation is inspect.Parameter.empty:
        return f"has a parameter '{parameter.name}' without annotation; annotate it with a class"
    cls = annotated_class(parameter.annotation)
    wanted = parameter.annotation if cls is None else cls.__name__
    needs = f"needs {wanted} for '{parameter.name}', which"
    if count:
        return f"{needs} has {count} providers; annotate it with one of their classes"
    return f"{needs} no module provides; add a provider for it"
