"""The modules of the game."""

from dependency_injector import containers, providers

from app.framework import forward_ref, imported
from app.framework.config import ConfigModule, ConfigService
from app.framework.schedule import ScheduleModule, SchedulerRegistry
from tests.ports.game.filters import IllegalMoveFilter
from tests.ports.game.lobby_gateway import LobbyGateway
from tests.ports.game.match_gateway import MatchGateway
from tests.ports.game.matches_service import MatchesService
from tests.ports.game.settings import GameSettings


class GameModule(containers.DeclarativeContainer):
    """The gateways of the lobby and of the matches, and their service."""

    registry = imported(SchedulerRegistry)
    config = imported(ConfigService)
    illegal_move_filter = providers.Singleton(IllegalMoveFilter)
    matches = providers.Singleton(
        MatchesService, forward_ref(lambda: MatchGateway), registry, config
    )
    match_gateway = providers.Singleton(MatchGateway, matches, registry)
    lobby_gateway = providers.Singleton(LobbyGateway, matches, config)


class AppModule(containers.DeclarativeContainer):
    """The application."""

    config = ConfigModule.for_root(GameSettings)
    schedule = ScheduleModule.for_root()
    game = providers.Container(GameModule)
