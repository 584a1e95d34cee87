"""The API with which backends sign out users, and create and delete channels."""

from dependency_injector import containers, providers

from app.config.settings import Settings
from app.controllers.channels_controller import ChannelsController
from app.controllers.requests.backend_key import BackendKeyGuard
from app.controllers.requests.refusal_log import RefusalLog
from app.controllers.sessions_controller import SessionsController
from app.framework import imported
from app.ports import Clock
from app.services.channel_service import ChannelService
from app.services.session_service import SessionService


class BackendApiModule(containers.DeclarativeContainer):
    """Provides `SessionsController` and `ChannelsController`.

    The application includes this module only if ``SERVICE_KEY`` is set.
    """

    settings: providers.Dependency[Settings] = imported(Settings)
    clock: providers.Dependency[Clock] = imported(Clock)
    session_service: providers.Dependency[SessionService] = imported(SessionService)
    channel_service: providers.Dependency[ChannelService] = imported(ChannelService)

    refusal_log = providers.Singleton(RefusalLog, clock, settings.provided.trusted_proxies)
    key_guard = providers.Singleton(BackendKeyGuard, settings.provided.service_key, refusal_log)
    sessions_controller = providers.Singleton(SessionsController, session_service)
    channels_controller = providers.Singleton(ChannelsController, channel_service)
