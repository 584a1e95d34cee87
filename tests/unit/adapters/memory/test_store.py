from contextlib import suppress
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from app.adapters.memory.channel_repository import MemoryChannelRepository
from app.adapters.memory.delivery_repository import MemoryDeliveryRepository
from app.adapters.memory.message_repository import MemoryMessageRepository
from app.adapters.memory.store import MemoryStore
from app.domain.delivery import DeliveryState
from app.domain.errors import ChatError
from app.domain.ids import ChannelId, MessageId, UserId
from app.domain.message import MessageDraft
from app.ports import Report
from tests.doubles.manual_clock import DEFAULT_START as NOW

ALICE, BOB, CAROL = UserId("user_alice"), UserId("user_bob"), UserId("user_carol")
GENERAL = ChannelId("general")

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["send", "send", "report", "delete", "leave", "join"]),
        st.sampled_from([ALICE, BOB, CAROL]),
        st.integers(min_value=0, max_value=9),
    ),
    max_size=25,
)


@dataclass
class Rows:
    """A model of the same chat with a row per delivery, for comparison."""

    members: set[UserId] = field(default_factory=lambda: {ALICE, BOB, CAROL})
    rows: dict[MessageId, dict[UserId, DeliveryState]] = field(default_factory=dict)
    authors: dict[MessageId, UserId] = field(default_factory=dict)

    def step(self, name: str, user_id: UserId, message_id: MessageId) -> None:
        """Apply a step to the model. An invalid step changes nothing."""
        if name == "join":
            self.members.add(user_id)
        elif user_id not in self.members:
            return
        elif name == "leave":
            self.members.remove(user_id)
        elif name == "send":
            self.authors[message_id] = user_id
            recipients = self.members - {user_id}
            self.rows[message_id] = dict.fromkeys(recipients, DeliveryState.SENT)
        elif name == "delete" and self.authors.get(message_id) == user_id:
            del self.rows[message_id], self.authors[message_id]
        elif name == "report" and user_id in self.rows.get(message_id, {}):
            self.rows[message_id][user_id] = DeliveryState.READ

    def waiting_for(self, user_id: UserId) -> list[MessageId]:
        """Return the user's undelivered messages in the order of storing."""
        if user_id not in self.members:
            return []
        sent = DeliveryState.SENT
        return [each for each, states in self.rows.items() if states.get(user_id) is sent]


class Chat:
    """The repositories of one store."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.channels = MemoryChannelRepository(self.store)
        self.messages = MemoryMessageRepository(self.store)
        self.deliveries = MemoryDeliveryRepository(self.store)

    async def step(self, name: str, user_id: UserId, message_id: MessageId) -> None:
        """Apply a step to the repositories, ignoring domain errors."""
        if name == "join":
            await self.channels.seed({user_id: [GENERAL]})
        elif name == "leave":
            if await self.channels.is_member(GENERAL, user_id):
                self.store.leave(GENERAL, user_id)
        else:
            with suppress(ChatError):
                await self._write(name, user_id, message_id)

    async def _write(self, name: str, user_id: UserId, message_id: MessageId) -> None:
        if name == "send":
            draft = MessageDraft(message_id, GENERAL, user_id, "x", None)
            await self.messages.add_all([draft], NOW)
        elif name == "report":
            report = Report(message_id, user_id, DeliveryState.READ)
            await self.deliveries.advance_all([report], NOW)
        else:
            await self.messages.delete(message_id, user_id)


@given(STEPS)
async def test_deliveries_are_as_if_each_had_a_row_when_anything_happens(
    steps: list[tuple[str, UserId, int]],
) -> None:
    """Any sequence of sends, reports, deletions, joins and leaves gives the result of the model."""
    chat, rows = Chat(), Rows()
    await chat.channels.seed({user_id: [GENERAL] for user_id in (ALICE, BOB, CAROL)})

    for number, (name, user_id, earlier) in enumerate(steps):
        message_id = MessageId(str(number if name == "send" else earlier))
        rows.step(name, user_id, message_id)
        await chat.step(name, user_id, message_id)

    for user_id in (ALICE, BOB, CAROL):
        waiting = rows.waiting_for(user_id)
        page = await chat.deliveries.undelivered(user_id, after=0, limit=100)
        rest = await chat.deliveries.undelivered(user_id, sum(page.positions[:1]), limit=100)
        counts = (await chat.deliveries.undelivered_counts(user_id)).channels
        assert waiting == [message.id for message in page.messages]
        assert waiting[1:] == [message.id for message in rest.messages]
        assert ({GENERAL: len(waiting)} if waiting else {}) == counts
    for reader_id in rows.members:
        for message_id, states in rows.rows.items():
            statuses = (await chat.deliveries.statuses(message_id, reader_id)).statuses
            assert states == {status.recipient_id: status.status for status in statuses}


async def test_nothing_is_kept_when_everything_is_delivered_or_deleted() -> None:
    """Delivered and deleted messages take no memory per recipient."""
    chat = Chat()
    await chat.channels.seed({ALICE: [GENERAL], BOB: [GENERAL], CAROL: [GENERAL]})
    ids = [MessageId("1"), MessageId("2"), MessageId("3")]
    drafts = [MessageDraft(message_id, GENERAL, ALICE, "hello", None) for message_id in ids]
    await chat.messages.add_all(drafts, NOW)

    reports = [
        Report(MessageId("2"), BOB, DeliveryState.READ),
        Report(MessageId("2"), CAROL, DeliveryState.DELIVERED),
        Report(MessageId("1"), BOB, DeliveryState.DELIVERED),
    ]
    await chat.deliveries.advance_all(reports, NOW)
    await chat.messages.delete(MessageId("1"), ALICE)
    await chat.messages.delete(MessageId("3"), ALICE)

    channel = chat.store.channels[GENERAL]
    gaps = {
        user_id: list(membership.done.gaps(1, 4))
        for user_id, membership in channel.memberships.items()
    }
    assert {ALICE: [], BOB: [], CAROL: []} == gaps
    assert [MessageId("2")] == list(chat.store.messages)
    assert [MessageId("2")] == [row.message.id for row in channel.messages]
