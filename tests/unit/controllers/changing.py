"""A channel service that records its calls, and a server of the controller that uses it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.controllers.channels_controller import ChannelsController
from app.controllers.requests.backend_key import BackendKeyGuard
from app.domain.channel import Channel, ChannelCreation, ChannelDraft, MemberRole
from app.domain.errors import ChatError
from app.domain.ids import ChannelId, UserId
from app.services.channel_service import ChannelService
from tests.doubles.manual_clock import DEFAULT_START as NOW
from tests.unit.controllers.revoking import Client, refusal_log, serving

KEY = "a service key"
AUTHORIZED = {"Authorization": f"Bearer {KEY}"}
SMALLEST = {"name": "News", "createdById": "user_alice"}


class RecordingChannelService(ChannelService):
    """Records the calls of its methods. They return ``changes``, or raise ``failure`` if set."""

    changes = True
    failure: ChatError | None = None

    def __init__(self) -> None:
        self.created: list[ChannelDraft] = []
        self.calls: list[tuple[object, ...]] = []

    async def create(self, draft: ChannelDraft) -> ChannelCreation:
        self._fail()
        self.created.append(draft)
        channel = Channel(
            draft.id, draft.name, draft.description, draft.type, draft.created_by_id, NOW
        )
        return ChannelCreation(channel, is_new=self.changes)

    async def delete(self, channel_id: ChannelId) -> None:
        self._fail()
        self.calls.append(("delete", channel_id))

    async def add_member(
        self, channel_id: ChannelId, user_id: UserId, role: MemberRole | None = None
    ) -> bool:
        self._fail()
        self.calls.append(("add", channel_id, user_id, role))
        return self.changes

    async def remove_member(self, channel_id: ChannelId, user_id: UserId) -> bool:
        self._fail()
        self.calls.append(("remove", channel_id, user_id))
        return self.changes

    def _fail(self) -> None:
        if self.failure is not None:
            raise self.failure


@asynccontextmanager
async def serving_channels(channels: ChannelService) -> AsyncIterator[Client]:
    """Serve the controller with the guard of `KEY`, and yield a client."""
    guard = BackendKeyGuard(KEY, refusal_log())
    async with serving(ChannelsController(channels), guard) as client:
        yield client
