"""Compares the SQL adapters with the slow but simple memory adapter after random histories."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import TypeAlias

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.adapters.sql.connection.database import Database
from app.domain.delivery import DeliveryState
from app.domain.errors import ChatError
from app.domain.ids import ChannelId, ClientMessageId, MessageId, UserId, new_message_id
from app.domain.message import Message, MessageDraft
from app.ports import AddOutcome, AdvanceOutcome, RecipientsPage, Report
from tests.contract.storage import Storage, memory_storage, sql_storage
from tests.doubles.manual_clock import DEFAULT_START as NOW

USERS = 4
CHANNELS = 2
PAGE = 3

_numbers = count(1)


@dataclass(frozen=True, slots=True)
class Send:
    """A batch of messages to send, each with its user, channel, client message id and content."""

    drafts: Sequence[tuple[int, int, str | None, str]]


@dataclass(frozen=True, slots=True)
class Tell:
    """A batch of reports, each with its message, user and state."""

    reports: Sequence[tuple[int, int, DeliveryState]]


@dataclass(frozen=True, slots=True)
class Erase:
    """The deletion of a message by its author."""

    message: int


@dataclass(frozen=True, slots=True)
class Change:
    """The start or end of a membership, made by this server (``is_own``) or by another program."""

    channel: int
    user: int
    is_own: bool


Step: TypeAlias = Send | Tell | Erase | Change

_users = st.integers(0, USERS - 1)
_channels = st.integers(0, CHANNELS - 1)
_messages = st.integers(0, 11)
_states = st.sampled_from([DeliveryState.DELIVERED, DeliveryState.READ])
_sends = st.builds(
    Send,
    st.lists(
        st.tuples(
            _users, _channels, st.sampled_from([None, None, "a", "b"]), st.sampled_from("xy")
        ),
        min_size=1,
        max_size=5,
    ),
)
_tells = st.builds(Tell, st.lists(st.tuples(_messages, _users, _states), min_size=1, max_size=10))
_tells_of_one = st.builds(
    lambda user, state, numbers: Tell([(each, user, state) for each in numbers]),
    _users,
    _states,
    st.lists(_messages, min_size=2, max_size=8, unique=True),
)
"""A batch in which one user reports several messages: such batches merge delivered ranges."""

_BEGINNING = Send([(number % 2, 0, None, "x") for number in range(8)])
STEPS = st.lists(
    st.one_of(
        _sends,
        _tells,
        _tells_of_one,
        _tells_of_one,
        st.builds(Erase, _messages),
        st.builds(Change, _channels, _users, st.booleans()),
    ),
    min_size=4,
    max_size=12,
)


@dataclass(slots=True)
class History:
    """Runs the same steps on two storages. Each history has its own users and channels."""

    storages: tuple[Storage, Storage]
    number: int = field(default_factory=lambda: next(_numbers))
    ids: list[MessageId] = field(default_factory=list)

    @property
    def users(self) -> list[UserId]:
        return [UserId(f"history-{self.number}-{user}") for user in range(USERS)]

    @property
    def channels(self) -> list[ChannelId]:
        return [ChannelId(f"history-{self.number}-{each}") for each in range(CHANNELS)]

    async def begin(self) -> None:
        """Make all users except the last one members of all channels."""
        *members, _ = self.users
        for storage in self.storages:
            await storage.channels.seed(
                {**dict.fromkeys(members, self.channels), self.users[-1]: []}
            )

    async def run(self, step: Step, now: datetime) -> list[object]:
        """Run a step on both storages; return both outcomes."""
        if isinstance(step, Send):
            drafts = [
                MessageDraft(
                    new_message_id(),
                    self.channels[channel],
                    self.users[user],
                    content,
                    None if client_id is None else ClientMessageId(client_id),
                )
                for user, channel, client_id, content in step.drafts
            ]
            self.ids += [each.id for each in drafts]
            return [
                comparable(await storage.messages.add_all(drafts, now)) for storage in self.storages
            ]
        if isinstance(step, Tell):
            reports = [
                Report(self.message(message), self.users[user], state)
                for message, user, state in step.reports
            ]
            return [
                comparable(await storage.deliveries.advance_all(reports, now))
                for storage in self.storages
            ]
        if isinstance(step, Erase):
            return [
                await self.erase(storage, self.message(step.message)) for storage in self.storages
            ]
        return [await self.change(storage, step, now) for storage in self.storages]

    def message(self, number: int) -> MessageId:
        """Return the id of one of the latest messages, or of a message that does not exist."""
        return self.ids[-1 - number % len(self.ids)] if self.ids else MessageId("missing")

    async def erase(self, storage: Storage, message_id: MessageId) -> object:
        message = await storage.messages.find(message_id)
        if message is None:
            return None
        try:
            await storage.messages.delete(message_id, message.user_id)
        except ChatError as error:
            return error.code
        return True

    async def change(self, storage: Storage, change: Change, now: datetime) -> object:
        channel_id, user_id = self.channels[change.channel], self.users[change.user]
        is_member = await storage.channels.is_member(channel_id, user_id)
        if change.is_own and is_member:
            await storage.channels.remove_member(channel_id, user_id)
        elif change.is_own:
            await storage.channels.add_member(channel_id, user_id, None, now)
        elif is_member:
            await storage.leave(channel_id, user_id)
        else:
            await storage.channels.seed({user_id: [channel_id]})
        return is_member

    async def shown_by(self, storage: Storage) -> list[object]:
        """Return all messages, their recipients, and the undelivered messages of each user."""
        shown: list[object] = []
        for channel_id in self.channels:
            stored = await storage.messages.stored_after(channel_id, 0, 1_000)
            members = (await storage.channels.members_of_all([channel_id]))[channel_id]
            readers = sorted(members)[:1]
            shown.append(stored)
            shown += [
                await recipients(storage, message, reader)
                for message in stored
                for reader in readers
            ]
        for user_id in self.users:
            shown.append(await storage.deliveries.undelivered_counts(user_id))
            shown.append(await undelivered(storage, user_id))
        return shown


def comparable(outcomes: Sequence[AddOutcome | AdvanceOutcome]) -> list[object]:
    """Replace each error by its code, because two instances of an error are never equal."""
    return [each.code if isinstance(each, ChatError) else each for each in outcomes]


async def recipients(storage: Storage, message: Message, reader_id: UserId) -> list[RecipientsPage]:
    """Read the recipients in pages of two."""
    pages = [await storage.deliveries.statuses(message.id, reader_id, 2)]
    while pages[-1].has_more:
        after = pages[-1].statuses[-1].recipient_id
        pages.append(await storage.deliveries.statuses(message.id, reader_id, 2, after))
    return pages


async def undelivered(storage: Storage, user_id: UserId) -> list[tuple[Message, ...]]:
    """Read the undelivered messages in pages of `PAGE`."""
    pages = [await storage.deliveries.undelivered(user_id, 0, PAGE)]
    while pages[-1].positions:
        pages.append(await storage.deliveries.undelivered(user_id, pages[-1].positions[-1], PAGE))
    return [page.messages for page in pages]


@given(steps=STEPS)
@settings(
    max_examples=50,
    # All examples share one database; each uses its own users and channels.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
async def test_a_database_shows_what_memory_shows_when_the_same_has_happened(
    database: Database, steps: list[Step]
) -> None:
    """Outcomes, messages, recipients, counts and pages are equal."""
    history = History((memory_storage(), sql_storage(database)))
    await history.begin()

    for number, step in enumerate([_BEGINNING, *steps]):
        expected, outcome = await history.run(step, NOW + timedelta(seconds=number))
        assert expected == outcome

    memory, sql = [await history.shown_by(storage) for storage in history.storages]
    assert memory == sql
