import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from app.config.settings import Settings
from app.domain.errors import AuthenticationCode, AuthenticationError
from app.domain.ids import ChannelId, UserId
from app.domain.principal import Principal
from app.framework.platform_socketio import json_codec
from app.framework.testing import RecordingLink, Test, TestingModule, fake_socket
from app.framework.websockets.connections import compile_connect, compile_disconnect
from app.framework.websockets.pipeline import compile_event
from app.gateways.dto.client_payload import ClientPayload
from app.gateways.ws_gateway import WsGateway
from app.modules import create_app_module
from app.ports import Broadcaster, Clock, SocketRooms, TokenVerifier
from app.services.channel_service import ChannelService
from app.sockets.authenticated_socket import AuthenticatedSocket
from tests.doubles.manual_clock import ManualClock
from tests.doubles.memory_socket_rooms import MemorySocketRooms
from tests.doubles.recording_broadcaster import RecordingBroadcaster

IN_MEMORY = Settings.model_construct(database_url="memory:")
TOKEN_LIFE_SECONDS = 60.0
MEMBERSHIP = {
    UserId("user_alice"): (ChannelId("general"), ChannelId("random")),
    UserId("user_bob"): (ChannelId("general"),),
    UserId("user_dave"): (),
}


class TokenIsUser(TokenVerifier):
    """A verifier that accepts the id of a user as a token of this user.

    ``~`` and a suffix after the id give another token of the same user.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def verify(self, token: str) -> Principal:
        if not token.startswith("user_"):
            raise AuthenticationError(AuthenticationCode.TOKEN_SIGNATURE)
        user_id = UserId(token.partition("~")[0])
        return Principal(user_id, None, None, expires_at=self.claimed_expiry(token))

    def claimed_expiry(self, token: str) -> float:
        """Return a time one minute from now."""
        del token
        return self._clock.now().timestamp() + TOKEN_LIFE_SECONDS


class Chat:
    """The application in memory, without a server. Events run through the whole pipeline."""

    def __init__(
        self, module: TestingModule, clock: ManualClock, broadcaster: RecordingBroadcaster
    ) -> None:
        self.module = module
        self.clock = clock
        self.broadcaster = broadcaster
        definitions = module.create_nest_application().definitions()
        self._definition = next(
            each for each in definitions if isinstance(each.instance, WsGateway)
        )
        self._handlers = {
            route.pattern: compile_event(route)
            for definition in definitions
            for route in definition.routes
        }

    @property
    def events(self) -> list[str]:
        return [route.pattern for route in self._definition.routes]

    @property
    def payload_types(self) -> dict[str, type[ClientPayload]]:
        """The payload type of each event that has a payload."""
        return {
            route.pattern: parameter.metatype
            for route in self._definition.routes
            for parameter in route.parameters
            if issubclass(parameter.metatype, ClientPayload)
        }

    @property
    def published(self) -> list[tuple[str, str]]:
        """The broadcasts as ``(room, event)`` pairs, in order."""
        return [(each.room, str(each.event)) for each in self.broadcaster.published]

    async def connect(self, token: str, socket_id: str = "socket-1") -> "Client":
        """Connect a client with this token. The gateway may reject the client."""
        link = RecordingLink()
        socket = fake_socket(
            AuthenticatedSocket, auth={"token": token}, link=link, socket_id=socket_id
        )
        connect = compile_connect([self._definition], 10.0)
        assert connect is not None
        admitted = await connect(socket)
        return Client(self, socket, link, admitted=admitted)

    async def handle(self, socket: AuthenticatedSocket, event: str, data: Any) -> list[Any]:
        """Handle an event, and return its acks as JSON."""
        acked: list[Any] = []
        await self._handlers[event](socket, data, acked.append)
        answers: list[Any] = json.loads(json_codec.dumps(acked))
        return answers

    async def tell(self, socket: AuthenticatedSocket, event: str, data: Any) -> None:
        await self._handlers[event](socket, data, None)

    async def disconnect(self, socket: AuthenticatedSocket) -> None:
        """Call the gateway's disconnect hook, which the transport calls for every client."""
        hook = compile_disconnect(self._definition)
        assert hook is not None
        await hook(socket, "transport close")


class Client:
    """One socket of the chat."""

    def __init__(
        self, chat: Chat, socket: AuthenticatedSocket, link: RecordingLink, *, admitted: bool
    ) -> None:
        self._chat = chat
        self.socket = socket
        self.link = link
        self.admitted = admitted

    async def call(self, event: str, data: Any = None) -> Any:
        answers = await self._chat.handle(self.socket, event, data)
        assert len(answers) == 1
        return answers[0]

    async def leave(self) -> None:
        self.link.disconnect(close=False)
        await self._chat.disconnect(self.socket)


async def open_chat(
    settings: Settings = IN_MEMORY, instead: Mapping[type, type] = MappingProxyType({})
) -> Chat:
    """Open a chat with Alice, Bob and Dave, at the start of the manual clock.

    Args:
        settings: The settings of the application.
        instead: Implementations that replace those of the application, by port.
    """
    clock, broadcaster = ManualClock(), RecordingBroadcaster()
    builder = (
        Test.create_testing_module(create_app_module(settings))
        .override_provider(Clock)
        .use_value(clock)
        .override_provider(TokenVerifier)
        .use_class(TokenIsUser)
        .override_provider(Broadcaster)
        .use_value(broadcaster)
        .override_provider(SocketRooms)
        .use_class(MemorySocketRooms)
    )
    for port, replacement in instead.items():
        builder = builder.override_provider(port).use_class(replacement)
    module = builder.compile()
    await module.get(ChannelService).seed(MEMBERSHIP)
    return Chat(module, clock, broadcaster)
