"""What other servers may ask for. Each is part of the application where its secret is set."""

from dependency_injector import containers, providers

from app.adapters.clerk.webhook_verifier import ClerkWebhookVerifier
from app.config import Settings
from app.controllers.sessions_controller import SessionsController
from app.controllers.webhooks_controller import WebhooksController
from app.framework import imported
from app.ports import WebhookLog
from app.services.session_service import SessionService


class SessionsModule(containers.DeclarativeContainer):
    """Provides `SessionsController`."""

    settings: providers.Dependency[Settings] = imported(Settings)
    session_service: providers.Dependency[SessionService] = imported(SessionService)

    controller = providers.Singleton(
        SessionsController, session_service, settings.provided.service_key
    )


class WebhooksModule(containers.DeclarativeContainer):
    """Provides `WebhooksController`."""

    settings: providers.Dependency[Settings] = imported(Settings)
    session_service: providers.Dependency[SessionService] = imported(SessionService)
    webhook_log: providers.Dependency[WebhookLog] = imported(WebhookLog)

    verifier = providers.Singleton(
        ClerkWebhookVerifier, settings.provided.clerk_webhook_signing_secret
    )
    controller = providers.Singleton(WebhooksController, session_service, verifier, webhook_log)
