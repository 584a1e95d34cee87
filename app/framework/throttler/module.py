"""`ThrottlerModule`: provides `ThrottlerGuard`, and checks its decorators."""

from collections.abc import Callable, Sequence
from inspect import getattr_static, iscoroutinefunction
from typing import Any, ClassVar

from dependency_injector import containers, providers

from app.framework.background.clock import Clock, clock_provider
from app.framework.background.explorer import Explorer
from app.framework.background.method_decorators import MethodDecorator
from app.framework.common.exceptions import BootError
from app.framework.common.metadata import get_metadata, member_names
from app.framework.common.providers import global_
from app.framework.throttler.guard import ThrottlerGuard
from app.framework.throttler.options import (
    SKIP_THROTTLE,
    THROTTLE,
    ThrottlerOptions,
    complaint_about,
)
from app.framework.throttler.storage import ThrottlerStorage

Throttlers = Sequence[ThrottlerOptions]


class ThrottlerExplorer(Explorer):
    """Refuses invalid options, and decorators that name an unknown throttler."""

    decorators: ClassVar[tuple[MethodDecorator, ...]] = ()

    def __init__(self, throttlers: Throttlers) -> None:
        self._throttlers = throttlers

    def explore(self, providers: Sequence[object]) -> None:
        """Check the options, and the throttlers' names in all decorators."""
        _check_options(self._throttlers)
        names = {each.name for each in self._throttlers}
        for cls in {type(each): None for each in providers}:
            targets = {cls.__name__: cls} | {
                f"{cls.__name__}.{name}": getattr_static(cls, name) for name in member_names(cls)
            }
            for subject, target in targets.items():
                _check_names(subject, target, names)


@global_
class ThrottlerModule(containers.DeclarativeContainer):
    """Nest's ``ThrottlerModule``, which is global.

    Write ``throttler = ThrottlerModule.for_root([ThrottlerOptions(ttl=60_000, limit=10)])`` in the
    root module. Then `use_guards` may name `ThrottlerGuard`. For a guard of all handlers, write
    ``AppGuard(ThrottlerGuard, throttler.throttlers, throttler.storage, throttler.get_tracker)``.
    """

    throttlers: providers.Dependency[Any] = providers.Dependency()
    clock: providers.Dependency[Clock] = providers.Dependency(instance_of=Clock)
    get_tracker: providers.Dependency[Any] = providers.Dependency()
    storage = providers.Singleton(ThrottlerStorage, clock)
    guard = providers.Singleton(ThrottlerGuard, throttlers, storage, get_tracker)
    explorer = providers.Singleton(ThrottlerExplorer, throttlers)

    @staticmethod
    def for_root(
        throttlers: Throttlers | providers.Provider[Any],
        *,
        get_tracker: Callable[[Any], str] | None = None,
        clock: Clock | providers.Provider[Clock] | None = None,
    ) -> "providers.Container[ThrottlerModule]":
        """Return the module with these throttlers. Each applies to all handlers of the guard.

        Args:
            throttlers: The throttlers, or a provider of them, as in Nest's ``forRootAsync``. They
                are checked at boot.
            get_tracker: Takes a `Socket` or a request, and returns the text that identifies the
                client; by default the client's address.
            clock: A clock, or a provider of one. Tests pass a `ManualClock`, or override `Clock`.
        """
        is_provider = isinstance(throttlers, providers.Provider)
        return providers.Container(
            ThrottlerModule,
            throttlers=throttlers if is_provider else providers.Object(throttlers),
            get_tracker=providers.Object(get_tracker),
            clock=clock_provider(clock),
        )


def _check_options(throttlers: Any) -> None:
    is_list = isinstance(throttlers, Sequence)
    if not is_list or not all(isinstance(each, ThrottlerOptions) for each in throttlers):
        raise BootError(f"ThrottlerModule: {throttlers!r} is not a list of ThrottlerOptions")
    names = [each.name for each in throttlers]
    if not names or len(set(names)) < len(names):
        raise BootError(
            f"ThrottlerModule: the throttlers are named {names}; "
            "give at least one, and different names"
        )
    for each in throttlers:
        complaint = complaint_about(each.ttl, each.limit, each.block_duration)
        if complaint is not None:
            raise BootError(f"ThrottlerModule: {complaint}, for '{each.name}'")
        if iscoroutinefunction(each.skip_if):  # a coroutine is truthy: no call would count
            raise BootError(f"ThrottlerModule: skip_if must not be async, for '{each.name}'")


def _check_names(subject: str, target: object, names: set[str]) -> None:
    for key, decorator in ((THROTTLE, "throttle"), (SKIP_THROTTLE, "skip_throttle")):
        for name in (get_metadata(target, key) or {}) if hasattr(target, "__dict__") else ():
            if name not in names:
                raise BootError(
                    f"{subject}: @{decorator} names the throttler '{name}', but "
                    f"ThrottlerModule has only {sorted(names)}"
                )
