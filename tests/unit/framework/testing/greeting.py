"""A port with an adapter, and two guards, for tests of overrides."""

from typing import Protocol, runtime_checkable

from app.framework import CanActivate, ExecutionContext


@runtime_checkable
class Greeter(Protocol):
    """Says a greeting."""

    def greet(self) -> str: ...


class Polite(Greeter):
    """Says good morning."""

    def greet(self) -> str:
        return "good morning"


class GreetingGuard(CanActivate):
    """Admits events whose payload is the greeting."""

    def __init__(self, greeter: Greeter) -> None:
        self.greeter = greeter

    def can_activate(self, context: ExecutionContext) -> bool:
        return bool(context.get_data() == self.greeter.greet())


class OpenGuard(CanActivate):
    """Admits every event."""

    def can_activate(self, context: ExecutionContext) -> bool:
        del context
        return True
