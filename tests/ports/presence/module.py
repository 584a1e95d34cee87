"""The modules of the presence service."""

from dependency_injector import containers, providers

from app.framework import imported
from app.framework.event_emitter import EventEmitter2, EventEmitterModule
from app.framework.schedule import Clock, ScheduleModule, SchedulerRegistry
from tests.ports.presence.last_seen_store import LastSeenStore
from tests.ports.presence.member_socket import EventInterceptor, WriterGuard
from tests.ports.presence.presence_controller import PresenceController
from tests.ports.presence.presence_gateway import PresenceGateway
from tests.ports.presence.presence_service import PresenceService
from tests.ports.presence.status_gateway import StatusGateway


class PresenceModule(containers.DeclarativeContainer):
    """The gateways, the controller and the service of presence."""

    store = providers.Singleton(LastSeenStore)
    presence = providers.Singleton(
        PresenceService,
        imported(EventEmitter2),
        imported(SchedulerRegistry),
        store,
        imported(Clock),
    )
    writer_guard = providers.Singleton(WriterGuard)
    event_interceptor = providers.Singleton(EventInterceptor)
    presence_gateway = providers.Singleton(PresenceGateway, presence)
    status_gateway = providers.Singleton(StatusGateway, presence)
    controller = providers.Singleton(PresenceController, presence)


class AppModule(containers.DeclarativeContainer):
    """The application."""

    events = EventEmitterModule.for_root()
    schedule = ScheduleModule.for_root()
    presence = providers.Container(PresenceModule)
