"""Refuses providers that need each other: calling one of them would recurse endlessly."""

from collections.abc import Iterable

from dependency_injector import providers

from app.framework.common.exceptions import BootError
from app.framework.core.declaration_order import CONTAINERS, AnyProvider
from app.framework.core.provided_class import callee_name


def refuse_cycles(ordered: Iterable[AnyProvider]) -> None:
    """Raise `BootError` if a provider depends on itself, directly or through other providers."""
    finished: set[AnyProvider] = set()
    path: dict[AnyProvider, None] = {}

    def visit(provider: AnyProvider) -> None:
        if provider in path:
            on_path = list(path)
            raise BootError(_cycle_text(on_path[on_path.index(provider) :]))
        if provider not in finished:
            path[provider] = None
            for each in _needed(provider):
                visit(each)
            del path[provider]
            finished.add(provider)

    for provider in ordered:
        visit(provider)


def _needed(provider: AnyProvider) -> Iterable[AnyProvider]:
    """Return the providers that this provider calls when it is called."""
    if isinstance(provider, (*CONTAINERS, providers.Delegate)):  # these call no providers
        return ()
    return provider.overridden[-1:] or provider.related


def _cycle_text(cycle: Iterable[AnyProvider]) -> str:
    """Describe a cycle by the classes and functions on it."""
    names = [name for name in map(callee_name, cycle) if name is not None]
    if not names:
        return "An import refers to itself; pass it the provider of another module"
    if len(names) == 1:
        return f"{names[0]} needs itself; remove it from the arguments of its provider"
    chain = ", which needs ".join((*names[1:], names[0]))
    return (
        f"{names[0]} needs {chain}: none of them can be built first. In the provider of "
        f"{names[0]}, write forward_ref(lambda: {names[1]}) instead of the provider of {names[1]}"
    )
