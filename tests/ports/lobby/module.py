"""The modules of the lobby."""

from dependency_injector import containers, providers

from app.framework import AppPipe, ValidationPipe, forward_ref, imported
from app.framework.background.clock import Clock
from app.framework.config import ConfigModule, ConfigService
from app.framework.schedule import ScheduleModule, SchedulerRegistry
from tests.ports.lobby.lobby_controller import LobbyController
from tests.ports.lobby.lobby_exceptions import LobbyExceptionFilter
from tests.ports.lobby.lobby_gateway import LobbyGateway
from tests.ports.lobby.lobby_service import LobbyService
from tests.ports.lobby.lobby_settings import LobbySettings


class LobbyModule(containers.DeclarativeContainer):
    """The service, the gateway and the controller of lobbies."""

    lobbies = providers.Singleton(
        LobbyService,
        imported(ConfigService),
        imported(SchedulerRegistry),
        forward_ref(lambda: LobbyGateway),
    )
    gateway = providers.Singleton(LobbyGateway, lobbies)
    controller = providers.Singleton(LobbyController, lobbies, gateway)
    errors = providers.Singleton(LobbyExceptionFilter)


def app_module(clock: Clock) -> containers.Container:
    """Return the root module."""

    class AppModule(containers.DeclarativeContainer):
        """The root module."""

        config = ConfigModule.for_root(LobbySettings)
        schedule = ScheduleModule.for_root(clock=clock)
        lobby = providers.Container(LobbyModule)
        validation = AppPipe(ValidationPipe, whitelist=True)

    return AppModule()
