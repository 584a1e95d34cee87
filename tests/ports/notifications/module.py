"""The modules of the notification service."""

from dependency_injector import containers, providers

from app.framework import ModuleRef, imported
from app.framework.background.clock import Clock
from app.framework.config import ConfigModule, ConfigService
from app.framework.event_emitter import EventEmitter2, EventEmitterModule
from app.framework.schedule import ScheduleModule, SchedulerRegistry
from tests.ports.notifications.channels import EmailChannel, Outbox, SmsChannel
from tests.ports.notifications.monitor_gateway import ApiKeyGuard, MonitorGateway
from tests.ports.notifications.notification import NotificationStore
from tests.ports.notifications.notifications_controller import NotificationsController
from tests.ports.notifications.notifications_gateway import NotificationsGateway
from tests.ports.notifications.notifications_service import NotificationsService
from tests.ports.notifications.preferences_gateway import KnownChannelGuard, PreferencesGateway
from tests.ports.notifications.sessions import NotificationsOptions, Sessions
from tests.ports.notifications.settings import NotificationSettings


class ChannelsModule(containers.DeclarativeContainer):
    """The channels, which the service finds with `ModuleRef`."""

    outbox = providers.Factory(Outbox)
    email = providers.Singleton(EmailChannel, imported(ConfigService), outbox)
    sms = providers.Singleton(SmsChannel, outbox)


class NotificationsModule(containers.DeclarativeContainer):
    """A dynamic module: ``NotificationsModule.for_root(options)``."""

    options = imported(NotificationsOptions)
    config = imported(ConfigService)
    store = providers.Singleton(NotificationStore)
    sessions = providers.Singleton(Sessions, options)
    service = providers.Singleton(
        NotificationsService,
        store,
        imported(EventEmitter2),
        imported(SchedulerRegistry),
        imported(ModuleRef),
    )
    gateway = providers.Singleton(NotificationsGateway, store, sessions, config)
    preferences = providers.Singleton(PreferencesGateway, service)
    known_channel = providers.Singleton(KnownChannelGuard)
    monitor = providers.Singleton(MonitorGateway)
    api_key = providers.Singleton(ApiKeyGuard, config)
    controller = providers.Singleton(NotificationsController, service, store)

    @staticmethod
    def for_root(options: NotificationsOptions) -> "providers.Container[NotificationsModule]":
        return providers.Container(NotificationsModule, options=providers.Object(options))


def app_module(clock: Clock, sessions: dict[str, str]) -> containers.Container:
    """Return the root module."""

    class AppModule(containers.DeclarativeContainer):
        """The root module."""

        config = ConfigModule.for_root(NotificationSettings)
        events = EventEmitterModule.for_root(wildcard=True)
        schedule = ScheduleModule.for_root(clock=clock)
        channels = providers.Container(ChannelsModule)
        notifications = NotificationsModule.for_root(NotificationsOptions(sessions))

    return AppModule()
