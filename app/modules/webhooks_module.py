"""The endpoint for Clerk's webhooks about ended sign-ins and deleted users."""

from dependency_injector import containers, providers

from app.adapters.clerk.webhook_verifier import ClerkWebhookVerifier
from app.config.settings import Settings
from app.controllers.requests.refusal_log import RefusalLog
from app.controllers.webhooks_controller import WebhooksController
from app.framework import imported
from app.ports import Clock, WebhookLog
from app.services.session_service import SessionService


class WebhooksModule(containers.DeclarativeContainer):
    """Provides `WebhooksController`.

    The application includes this module only if ``CLERK_WEBHOOK_SIGNING_SECRET`` is set.
    """

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
