"""The development identity: an issuer of our own where there is no Clerk."""

from dependency_injector import containers, providers

from app.adapters.development.development_issuer import DevelopmentIssuer
from app.config import Settings
from app.controllers.development_identity_controller import DevelopmentIdentityController
from app.framework import imported
from app.ports import Clock


class DevelopmentIdentityModule(containers.DeclarativeContainer):
    """Provides `DevelopmentIssuer`. Part of the application only where Settings allow it."""

    settings: providers.Dependency[Settings] = imported(Settings)
    clock: providers.Dependency[Clock] = imported(Clock)

    issuer = providers.Singleton(
        DevelopmentIssuer,
        data_dir=settings.provided.data_dir,
        issuer=settings.provided.issuer,
        authorized_party=settings.provided.cors_origins[0],
        clock=clock,
    )
    controller = providers.Singleton(
        DevelopmentIdentityController, issuer, settings.provided.cors_origins
    )
