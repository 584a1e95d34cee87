"""The modules of the chat."""

from dependency_injector import containers, providers

from app.framework import (
    AppFilter,
    AppGuard,
    AppInterceptor,
    Reflector,
    global_,
    imported,
)
from app.framework.config import ConfigModule, ConfigService
from app.framework.event_emitter import EventEmitter2, EventEmitterModule
from app.framework.throttler import ThrottlerModule, ThrottlerOptions
from tests.ports.group_chat.auth import AuthGuard, RolesGuard
from tests.ports.group_chat.chat_controllers import AuthController, RoomsController
from tests.ports.group_chat.chat_gateway import ChatGateway
from tests.ports.group_chat.chat_settings import ChatSettings
from tests.ports.group_chat.envelope import EnvelopeInterceptor
from tests.ports.group_chat.errors import ChatErrorFilter
from tests.ports.group_chat.mentions_listener import MentionsListener
from tests.ports.group_chat.rooms import RoomService, open_repository
from tests.ports.group_chat.users import AuthService


@global_
class AuthModule(containers.DeclarativeContainer):
    """Logins, and the guards of the whole application."""

    auth = providers.Singleton(AuthService, imported(ConfigService))
    reflector = providers.Singleton(Reflector)
    auth_guard = AppGuard(AuthGuard, auth, reflector)
    roles_guard = providers.Singleton(RolesGuard, reflector)
    controller = providers.Singleton(AuthController, auth)


class RoomsModule(containers.DeclarativeContainer):
    """The gateway, the controller and the services of rooms."""

    repository = providers.Singleton(open_repository)
    rooms = providers.Singleton(RoomService, repository, imported(EventEmitter2))
    gateway = providers.Singleton(ChatGateway, rooms)
    mentions = providers.Singleton(MentionsListener, gateway)
    controller = providers.Singleton(RoomsController, rooms)


class AppModule(containers.DeclarativeContainer):
    """The root module."""

    config = ConfigModule.for_root(ChatSettings)
    events = EventEmitterModule.for_root()
    throttler = ThrottlerModule.for_root(
        [ThrottlerOptions(ttl=60_000, limit=100)], get_tracker=lambda client: client.user.name
    )
    auth = providers.Container(AuthModule)
    rooms = providers.Container(RoomsModule)
    envelope = AppInterceptor(EnvelopeInterceptor)
    errors = AppFilter(ChatErrorFilter)
