"""What other servers may ask for. Each is part of the application where its secret is set."""

from dependency_injector import containers, providers

from app.adapters.clerk.webhook_verifier import ClerkWebhookVerifier
from app.config.settings import Settings
from app.controllers.channels_controller import ChannelsController
from app.controllers.requests.backend_key import BackendKey
from app.controllers.requests.refusal_log import RefusalLog
from app.controllers.sessions_controller import SessionsController
from app.controllers.webhooks_controller import WebhooksController
from app.framework import imported
from app.ports import Clock, WebhookLog
from app.services.channel_service import ChannelService
from app.services.session_service import SessionService


class BackendApiModule(containers.DeclarativeContainer):
    """Provides `SessionsController` and `ChannelsController`, for whoever has the service key."""

    settings: providers.Dependency[Settings] = imported(Settings)
    clock: providers.Dependency[Clock] = imported(Clock)
    session_service: providers.Dependency[SessionService] = imported(SessionService)
    channel_service: providers.Dependency[ChannelService] = imported(ChannelService)

    refusal_log = providers.Singleton(RefusalLog, clock, settings.provided.trusted_proxies)
    service_key = providers.Singleton(BackendKey, settings.provided.service_key, refusal_log)
    sessions_controller = providers.Singleton(SessionsController, session_service, service_key)
    channels_controller = providers.Singleton(ChannelsController, channel_service, service_key)


class WebhooksModule(containers.DeclarativeContainer):
    """Provides `WebhooksController`."""

    settings: providers.Dependency[Settings] = imported(Settings)
    clock: providers.Dependency[Clock] = imported(Clock)
    session_service: providers.Dependency[SessionService] = imported(SessionService)
    webhook_log: providers.Dependency[WebhookLog] = imported(WebhookLog)

    verifier = providers.Singleton(
        ClerkWebhookVerifier, settings.provided.clerk_webhook_signing_secret
    )
    refusal_log = providers.Singleton(RefusalLog, clock, settings.provided.trusted_proxies)
    controller = providers.Singleton(
        WebhooksController, session_service, verifier, webhook_log, refusal_log
    )
