"""The documented ``WsGateway``: joins rooms on connect, and has one short handler per event."""

from typing import Annotated, TypeVar

from app.domain.delivery import DeliveryStatus
from app.domain.events import ClientEvent
from app.domain.message import DeletionReceipt, Message, MessagePage, OfflineCount
from app.domain.presence import MemberPresence
from app.domain.rooms import channel_room, user_room
from app.domain.session_expiry import SessionExpiry
from app.domain.socket_response import PagedResponse, SocketResponse
from app.domain.typing_indicator import TypingIndicator
from app.framework import (
    ConnectedSocket,
    MessageBody,
    subscribe_message,
    use_guards,
    web_socket_gateway,
)
from app.gateways.base_gateway import BaseGateway
from app.gateways.dto.channel_dto import ChannelDto
from app.gateways.dto.get_offline_dto import GetOfflineDto
from app.gateways.dto.get_status_dto import GetStatusDto
from app.gateways.dto.message_dto import MessageDto
from app.gateways.dto.receipt_dto import ReceiptDto
from app.gateways.dto.refresh_dto import RefreshDto
from app.gateways.dto.send_message_dto import SendMessageDto
from app.gateways.dto.update_message_dto import UpdateMessageDto
from app.guards.event_weight import event_weight
from app.guards.ws_guard import WsGuard, allow_expired_session
from app.guards.ws_throttler_guard import WsThrottlerGuard, limited_as_receipts
from app.services.delivery_service import DeliveryService
from app.services.event_service import EventService
from app.services.message_service import MessageService
from app.services.node_sync import NodeSync
from app.services.offline_message_service import OfflineMessageService
from app.services.presence_service import PresenceService
from app.services.room_sync import RoomSync
from app.services.session_service import SessionService
from app.services.typing_service import TypingService
from app.sockets.authenticated_socket import AuthenticatedSocket

T = TypeVar("T")

Body = Annotated[T, MessageBody()]
Client = Annotated[AuthenticatedSocket, ConnectedSocket()]


@web_socket_gateway(transports=("websocket",))
@use_guards(WsThrottlerGuard, WsGuard)
class WsGateway(BaseGateway):
    """The chat's gateway. Each handler calls a service; `ChatExceptionFilter` handles errors."""

    def __init__(
        self,
        session_service: SessionService,
        event_service: EventService,
        room_sync: RoomSync,
        node_sync: NodeSync,
        message_service: MessageService,
        delivery_service: DeliveryService,
        typing_service: TypingService,
        presence_service: PresenceService,
        offline_message_service: OfflineMessageService,
    ) -> None:
        super().__init__(session_service)
        self._events = event_service
        self._room_sync = room_sync
        self._node_sync = node_sync
        self._messages = message_service
        self._deliveries = delivery_service
        self._typing = typing_service
        self._presence = presence_service
        self._offline = offline_message_service

    async def handle_connection(self, client: AuthenticatedSocket) -> None:
        """Add the socket to the user's personal room and to the rooms of the user's channels."""
        if not self.validate_client(client):
            return
        user_id = client.user_id
        channel_ids = await self._events.get_user_channels(user_id)
        is_clustered = self._node_sync.is_needed
        new = self._node_sync.without_clients(channel_ids) if is_clustered else ()
        client.join(user_room(user_id), *map(channel_room, channel_ids))
        for channel_id in channel_ids:
            self._events.subscribe(channel_id, client.id, user_id)
        # Another program may have added the user to a channel after the user's other sockets
        # connected, so the other sockets join the rooms too.
        self._room_sync.join(user_id, channel_ids)
        if new:
            await self._node_sync.start(new)
        self._presence.connected(user_id)

    async def handle_disconnect(self, client: AuthenticatedSocket, reason: str) -> None:
        """End the subscriptions, typing and session of a socket that has already left its rooms."""
        user_id = self.get_client_user_id(client)
        if user_id is None:
            return
        for channel_id in self._events.channels_of_socket(client.id, user_id):
            self._events.unsubscribe(channel_id, client.id, user_id)
            self._typing.leave(user_id, channel_id, client.id)
        await super().handle_disconnect(client, reason)

    @subscribe_message(ClientEvent.SEND_MESSAGE)
    async def send_message(
        self, client: Client, body: Body[SendMessageDto]
    ) -> SocketResponse[Message]:
        """Store a message, and publish it to the channel before the ack."""
        return SocketResponse(
            data=await self._messages.send(
                client.user_id, body.channel_id, body.content, body.client_message_id, client.id
            )
        )

    @subscribe_message(ClientEvent.UPDATE_MESSAGE)
    async def update_message(
        self, client: Client, body: Body[UpdateMessageDto]
    ) -> SocketResponse[Message]:
        """Change the content of the user's own message."""
        return SocketResponse(
            data=await self._messages.update(client.user_id, body.message_id, body.content)
        )

    @subscribe_message(ClientEvent.DELETE_MESSAGE)
    async def delete_message(
        self, client: Client, body: Body[MessageDto]
    ) -> SocketResponse[DeletionReceipt]:
        """Delete the user's own message."""
        return SocketResponse(data=await self._messages.delete(client.user_id, body.message_id))

    @subscribe_message(ClientEvent.MESSAGE_DELIVERED)
    @limited_as_receipts()
    async def message_delivered(
        self, client: Client, body: Body[ReceiptDto]
    ) -> SocketResponse[DeliveryStatus] | SocketResponse[tuple[DeliveryStatus, ...]]:
        """Mark one or several messages as delivered to the user."""
        if body.message_id is None:
            return await self._deliveries.all_delivered(client.user_id, body.listed)
        return SocketResponse(
            data=await self._deliveries.delivered(client.user_id, body.message_id)
        )

    @subscribe_message(ClientEvent.MESSAGE_SEEN)
    @limited_as_receipts()
    async def message_seen(
        self, client: Client, body: Body[ReceiptDto]
    ) -> SocketResponse[DeliveryStatus] | SocketResponse[tuple[DeliveryStatus, ...]]:
        """Mark one or several messages as seen by the user."""
        if body.message_id is None:
            return await self._deliveries.all_seen(client.user_id, body.listed)
        return SocketResponse(data=await self._deliveries.seen(client.user_id, body.message_id))

    @subscribe_message(ClientEvent.MESSAGE_GET_STATUS)
    @event_weight(3)
    async def get_status(
        self, client: Client, body: Body[GetStatusDto]
    ) -> PagedResponse[tuple[DeliveryStatus, ...]]:
        """Return the delivery status of a message per recipient, in pages."""
        page = await self._deliveries.statuses(
            client.user_id, body.message_id, body.limit, body.cursor
        )
        if page.counts is None:
            return PagedResponse(data=page.statuses)
        return PagedResponse(data=page.statuses, nextCursor=page.next_cursor, counts=page.counts)

    @subscribe_message(ClientEvent.TYPING)
    async def start_typing(
        self, client: Client, body: Body[ChannelDto]
    ) -> SocketResponse[TypingIndicator]:
        """Publish that the user is typing, until typing is stopped or expires."""
        return SocketResponse(
            data=await self._typing.start(client.user_id, body.channel_id, client.id)
        )

    @subscribe_message(ClientEvent.TYPING_STOP)
    async def stop_typing(
        self, client: Client, body: Body[ChannelDto]
    ) -> SocketResponse[TypingIndicator]:
        """Publish that the user stopped typing, unless the user is typing on another socket."""
        return SocketResponse(
            data=await self._typing.stop(client.user_id, body.channel_id, client.id)
        )

    @subscribe_message(ClientEvent.TYPING_GET)
    async def get_typing(
        self, client: Client, body: Body[ChannelDto]
    ) -> SocketResponse[tuple[TypingIndicator, ...]]:
        """Return the users who are typing in a channel."""
        return SocketResponse(data=await self._typing.list(client.user_id, body.channel_id))

    @subscribe_message(ClientEvent.PRESENCE_GET)
    @event_weight(5)
    async def get_presence(
        self, client: Client, body: Body[ChannelDto]
    ) -> SocketResponse[tuple[MemberPresence, ...]]:
        """Return which members of a channel are online."""
        return await self._presence.members(client.user_id, body.channel_id)

    @subscribe_message(ClientEvent.MESSAGE_GET_OFFLINE_COUNT)
    @event_weight(3)
    async def get_offline_count(self, client: Client) -> SocketResponse[OfflineCount]:
        """Return the number of messages that the user has missed."""
        return SocketResponse(data=await self._offline.count(client.user_id))

    @subscribe_message(ClientEvent.MESSAGE_GET_OFFLINE)
    @event_weight(2)
    async def get_offline(
        self, client: Client, body: Body[GetOfflineDto]
    ) -> SocketResponse[MessagePage]:
        """Return the user's missed messages, or a channel's messages after a ``seq``."""
        return SocketResponse(
            data=await self._offline.page(client.user_id, body.limit, body.cursor, body.since)
        )

    @subscribe_message(ClientEvent.AUTH_REFRESH)
    @allow_expired_session()
    async def refresh(
        self, client: Client, body: Body[RefreshDto]
    ) -> SocketResponse[SessionExpiry]:
        """Replace the session's token with a new token of the same user."""
        expires_at = await self._sessions.refresh(
            client.require_session(), body.token, client.handshake.address
        )
        return SocketResponse(data=SessionExpiry(expires_at))
