"""The modules of the help desk."""

from dependency_injector import containers, providers

from app.framework import AppGuard, AppPipe, ModuleRef, ValidationPipe, imported
from app.framework.event_emitter import EventEmitter2, EventEmitterModule
from app.framework.schedule import Clock, ScheduleModule
from app.framework.throttler import ThrottlerGuard, ThrottlerModule, ThrottlerOptions
from tests.ports.tickets.database import DatabaseModule, TicketRepository
from tests.ports.tickets.escalation import EscalationService, HighPolicy, LowPolicy
from tests.ports.tickets.history import History
from tests.ports.tickets.tickets_controller import TicketsController
from tests.ports.tickets.tickets_gateway import HttpToWsFilter, TicketsGateway
from tests.ports.tickets.tickets_service import TicketsService
from tests.ports.tickets.users import UserGuard, name_of


class TicketsModule(containers.DeclarativeContainer):
    """The gateway, the controller and the services of tickets."""

    repository = imported(TicketRepository)
    emitter = imported(EventEmitter2)
    clock = imported(Clock)
    low, high = providers.Singleton(LowPolicy), providers.Singleton(HighPolicy)
    history = providers.Factory(History)
    escalation = providers.Singleton(
        EscalationService, repository, emitter, clock, imported(ModuleRef)
    )
    tickets = providers.Singleton(TicketsService, repository, emitter, escalation, clock, history)
    user_guard = providers.Singleton(UserGuard)
    http_to_ws = providers.Singleton(HttpToWsFilter)
    controller = providers.Singleton(TicketsController, tickets)
    gateway = providers.Singleton(TicketsGateway, tickets)


class AppModule(containers.DeclarativeContainer):
    """The application."""

    clock = providers.Singleton(Clock)
    events = EventEmitterModule.for_root(wildcard=True)
    schedule = ScheduleModule.for_root(clock=clock)
    throttler = ThrottlerModule.for_root(
        [ThrottlerOptions(ttl=60_000, limit=100)], get_tracker=name_of, clock=clock
    )
    throttler_guard = AppGuard(
        ThrottlerGuard, throttler.throttlers, throttler.storage, throttler.get_tracker
    )
    validation = AppPipe(ValidationPipe, whitelist=True)
    database = DatabaseModule.for_root("memory:")
    tickets = providers.Container(TicketsModule, clock=clock)
