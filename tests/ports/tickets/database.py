"""The repository of tickets."""

import asyncio
from abc import ABC, abstractmethod

from dependency_injector import containers, providers

from app.framework import OnApplicationShutdown, global_, imported
from tests.ports.tickets.ticket import Ticket


class DatabaseOptions:
    """The options of `DatabaseModule.for_root`."""

    def __init__(self, url: str) -> None:
        self.url = url


class TicketRepository(ABC):
    """Stores tickets."""

    @abstractmethod
    def find(self, ticket_id: str) -> Ticket | None:
        """Return a ticket, or None."""

    @abstractmethod
    def save(self, ticket: Ticket) -> None:
        """Store a ticket."""

    @abstractmethod
    def all(self) -> list[Ticket]:
        """Return all tickets, oldest first."""


class MemoryRepository(TicketRepository, OnApplicationShutdown):
    """Stores tickets in memory."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.is_closed = False
        self._tickets: dict[str, Ticket] = {}

    def find(self, ticket_id: str) -> Ticket | None:
        return self._tickets.get(ticket_id)

    def save(self, ticket: Ticket) -> None:
        self._tickets[ticket.id] = ticket

    def all(self) -> list[Ticket]:
        return list(self._tickets.values())

    def on_application_shutdown(self, signal: str | None) -> None:
        del signal
        self.is_closed = True


async def connect(options: DatabaseOptions) -> TicketRepository:
    """Create the repository asynchronously, like a factory that opens a connection."""
    await asyncio.sleep(0)
    return MemoryRepository(options.url)


@global_
class DatabaseModule(containers.DeclarativeContainer):
    """Provides one repository to all modules."""

    options = imported(DatabaseOptions)
    repository = providers.Singleton(connect, options)

    @staticmethod
    def for_root(url: str) -> "providers.Container[DatabaseModule]":
        return providers.Container(DatabaseModule, options=providers.Object(DatabaseOptions(url)))
