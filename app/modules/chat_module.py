"""The chat: its gateway, its services, and the pipe and filter of every handler."""

from dependency_injector import containers, providers

from app.config.settings import Settings
from app.filters.chat_exception_filter import ChatExceptionFilter
from app.framework import AppFilter, AppPipe, ValidationPipe, imported
from app.gateways.drain_notice import DrainNotice
from app.gateways.room_broadcaster import RoomBroadcaster
from app.gateways.socket_rooms import GatewaySocketRooms
from app.gateways.ws_gateway import WsGateway
from app.ports import (
    AdoptionRepository,
    ChannelRepository,
    Clock,
    DeliveryRepository,
    MembershipBus,
    MessageRepository,
    Nodes,
    OnlineUsers,
    WriteAdmission,
)
from app.services.adoption_poller import AdoptionPoller
from app.services.channel_service import ChannelService
from app.services.delivery_service import DeliveryService
from app.services.event_service import EventService
from app.services.message_publisher import MessagePublisher
from app.services.message_service import MessageService
from app.services.node_sync import NodeSync
from app.services.offline_message_service import MAX_PAGE_BYTES, OfflineMessageService
from app.services.presence_relay import PresenceRelay
from app.services.presence_service import PresenceService
from app.services.room_checks import RoomChecks
from app.services.room_sync import RoomSync
from app.services.session_service import SessionService
from app.services.typing_service import TypingService


def _page_bytes(queue_max_bytes: int) -> int:
    """Return the maximum size of a page of messages, at most half of a client's send queue.

    A page that fills the queue would disconnect the client.
    """
    return min(MAX_PAGE_BYTES, queue_max_bytes // 2)


class ChatModule(containers.DeclarativeContainer):
    """Provides `WsGateway` and the services behind it."""

    settings: providers.Dependency[Settings] = imported(Settings)
    clock: providers.Dependency[Clock] = imported(Clock)
    channels: providers.Dependency[ChannelRepository] = imported(ChannelRepository)
    messages: providers.Dependency[MessageRepository] = imported(MessageRepository)
    adoption: providers.Dependency[AdoptionRepository] = imported(AdoptionRepository)
    deliveries: providers.Dependency[DeliveryRepository] = imported(DeliveryRepository)
    write_admission: providers.Dependency[WriteAdmission] = imported(WriteAdmission)
    membership_bus: providers.Dependency[MembershipBus] = imported(MembershipBus)
    online_users: providers.Dependency[OnlineUsers] = imported(OnlineUsers)
    nodes: providers.Dependency[Nodes] = imported(Nodes)
    session_service: providers.Dependency[SessionService] = imported(SessionService)

    validation_pipe = AppPipe(ValidationPipe)
    chat_exception_filter = AppFilter(
        ChatExceptionFilter,
        clock,
        refuse_with_connect_error=providers.Callable(
            "connect_error".__eq__, settings.provided.auth_failure_mode
        ),
    )

    broadcaster = providers.Singleton(RoomBroadcaster)
    drain_notice = providers.Singleton(DrainNotice)
    socket_rooms = providers.Singleton(GatewaySocketRooms)
    event_service = providers.Singleton(EventService, channels)
    room_sync = providers.Singleton(
        RoomSync, channels, event_service, socket_rooms, membership_bus, clock
    )
    channel_service = providers.Singleton(
        ChannelService,
        channels,
        membership_bus,
        room_sync,
        broadcaster,
        clock,
    )
    typing_service = providers.Singleton(
        TypingService,
        events=event_service,
        room_sync=room_sync,
        broadcaster=broadcaster,
        clock=clock,
        expiry_seconds=settings.provided.typing_expiry_seconds,
    )
    room_checks = providers.Singleton(RoomChecks, room_sync, clock)
    presence_relay = providers.Singleton(PresenceRelay, room_checks)
    presence_service = providers.Singleton(
        PresenceService,
        online_users=online_users,
        channels=channels,
        events=event_service,
        room_sync=room_sync,
        room_checks=room_checks,
        broadcaster=broadcaster,
        clock=clock,
    )
    message_publisher = providers.Singleton(
        MessagePublisher, messages, room_sync, typing_service, broadcaster, nodes, clock
    )
    message_service = providers.Singleton(
        MessageService,
        messages=messages,
        publisher=message_publisher,
        events=event_service,
        room_sync=room_sync,
        broadcaster=broadcaster,
        clock=clock,
        max_content_chars=settings.provided.message_max_chars,
        admission=write_admission,
    )
    adoption_poller = providers.Singleton(
        AdoptionPoller, adoption, message_publisher, message_service, clock
    )
    delivery_service = providers.Singleton(
        DeliveryService, deliveries, broadcaster, clock, write_admission
    )
    node_sync = providers.Singleton(
        NodeSync,
        nodes=nodes,
        messages=messages,
        publisher=message_publisher,
        room_sync=room_sync,
        rooms=socket_rooms,
        typing=typing_service,
        adoption=adoption_poller,
        presence=presence_service,
        presence_relay=presence_relay,
        deliveries=delivery_service,
    )
    offline_message_service = providers.Singleton(
        OfflineMessageService,
        deliveries,
        messages,
        max_page_bytes=providers.Callable(_page_bytes, settings.provided.socket_queue_max_bytes),
    )
    ws_gateway = providers.Singleton(
        WsGateway,
        session_service=session_service,
        event_service=event_service,
        room_sync=room_sync,
        node_sync=node_sync,
        message_service=message_service,
        delivery_service=delivery_service,
        typing_service=typing_service,
        presence_service=presence_service,
        offline_message_service=offline_message_service,
    )
