"""Issues tokens for development without Clerk, and serves a demo page."""

from pathlib import Path

from dependency_injector import containers, providers

from app.adapters.development.issuer import DevelopmentIssuer
from app.config.settings import Settings
from app.controllers.development_identity_controller import DevelopmentIdentityController
from app.controllers.page_controller import PageController
from app.framework import imported
from app.ports import ChannelRepository, Clock

_WEB = Path(__file__).parents[1] / "web"


class DevelopmentIdentityModule(containers.DeclarativeContainer):
    """Provides `DevelopmentIssuer`, its controller, and `PageController`.

    The application includes this module only if the settings use the development issuer.
    """

    settings: providers.Dependency[Settings] = imported(Settings)
    clock: providers.Dependency[Clock] = imported(Clock)
    channels: providers.Dependency[ChannelRepository] = imported(ChannelRepository)

    issuer = providers.Singleton(
        DevelopmentIssuer,
        data_dir=settings.provided.data_dir,
        issuer=settings.provided.issuer,
        authorized_party=settings.provided.clerk_authorized_parties[0],
        clock=clock,
    )
    controller = providers.Singleton(
        DevelopmentIdentityController,
        issuer,
        channels,
        settings.provided.cors_origins,
        settings.provided.message_max_chars,
    )
    page_controller = providers.Singleton(PageController, _WEB)
