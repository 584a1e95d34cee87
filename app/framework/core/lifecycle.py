"""Runs the lifecycle hooks of providers in Nest's order.

Start: constructors, ``after_init``, ``on_module_init``, ``on_application_bootstrap``, listening.

Stop: ``on_drain`` (not in Nest), a period in which clients are still served,
``on_module_destroy``, ``before_application_shutdown``, closing the servers (which runs
``handle_disconnect`` for every socket), ``on_application_shutdown``.

Within a phase, hooks run one after the other in the order in which their providers are declared.
If a provider depends on others, its hook runs after theirs. The stop phases use the reverse order.
"""

from collections.abc import Sequence

import structlog

from app.framework.common.awaiting import maybe_await
from app.framework.common.hooks import MODULE_HOOKS, find_hook
from app.framework.websockets.hooks import GATEWAY_HOOKS

_ARGUMENTS = {**MODULE_HOOKS, **GATEWAY_HOOKS}

_log = structlog.stdlib.get_logger("Lifecycle")


async def run_hooks(name: str, providers: Sequence[object], *args: object) -> None:
    """Run one hook of all providers in turn; stop at the first error, and raise it."""
    for provider in providers:
        hook = find_hook(provider, name, _ARGUMENTS[name])
        if hook is not None:
            await maybe_await(hook(*args))


async def run_closing_hooks(name: str, providers: Sequence[object], *args: object) -> None:
    """Run one hook of all providers in turn; log errors, and continue with the next provider."""
    for provider in providers:
        try:
            await run_hooks(name, (provider,), *args)
        except Exception:  # noqa: BLE001 - all other providers must close too
            _log.exception("shutdown hook failed", hook=name, provider=type(provider).__name__)
