import asyncio
from collections.abc import Iterable, Mapping, Sequence
from itertools import count
from typing import TypeAlias

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.domain.delivery import DeliveryState, overall_state
from app.domain.errors import NotARecipient
from app.domain.ids import ChannelId, MessageId, UserId
from app.domain.message import Message
from app.ports import Advance, AdvanceOutcome, Report
from tests.contract.storage import ALICE, BOB, CAROL, Storage, add, draft
from tests.doubles.manual_clock import DEFAULT_START as NOW

ORDER = [DeliveryState.SENT, DeliveryState.DELIVERED, DeliveryState.READ]
USERS = (ALICE, BOB, CAROL)
DEVICES = tuple((user_id, number) for user_id in USERS for number in (1, 2))

Device: TypeAlias = tuple[UserId, int]
Reported: TypeAlias = tuple[int, DeliveryState]
"""A report: the index of one of three messages (one by each user), and the state."""

# Reports in any order. Some reports are missing, and others are repeated.
BATCHES = st.lists(
    st.lists(st.tuples(st.integers(0, 2), st.sampled_from(ORDER[1:])), max_size=8), max_size=3
)
RUNS = st.fixed_dictionaries(dict.fromkeys(DEVICES, BATCHES))
WITH_ONE_STORAGE = settings(
    max_examples=25,
    # All examples share one database; each uses its own channel.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

_channels = (ChannelId(f"properties-{number}") for number in count(1))


async def sent_by_each(storage: Storage) -> list[Message]:
    """Store one message by each user, in a new channel."""
    channel_id = next(_channels)
    await storage.channels.seed({user_id: [channel_id] for user_id in USERS})
    return [await add(storage, draft(user_id, channel_id)) for user_id in USERS]


async def report_all(
    storage: Storage, messages: Sequence[Message], runs: Mapping[Device, list[list[Reported]]]
) -> dict[Device, list[AdvanceOutcome]]:
    """Let devices report concurrently, each one batch at a time; return each device's outcomes."""

    async def report(device: Device) -> list[AdvanceOutcome]:
        answers: list[AdvanceOutcome] = []
        for batch in runs[device]:
            reports = [Report(messages[index].id, device[0], state) for index, state in batch]
            answers += await storage.deliveries.advance_all(reports, NOW)
        return answers

    answers = await asyncio.gather(*map(report, DEVICES))
    return dict(zip(DEVICES, answers, strict=True))


def furthest(
    messages: Sequence[Message], runs: Mapping[Device, list[list[Reported]]]
) -> dict[MessageId, dict[UserId, DeliveryState]]:
    """Return the furthest state that any device has reported, by message and recipient."""
    reported = {
        (messages[index].id, user_id, state)
        for (user_id, _), batches in runs.items()
        for batch in batches
        for index, state in batch
    }
    return {
        message.id: {
            user_id: max(
                (state for state in ORDER if (message.id, user_id, state) in reported),
                key=ORDER.index,
                default=DeliveryState.SENT,
            )
            for user_id in USERS
            if user_id != message.user_id
        }
        for message in messages
    }


def advances(answers: Iterable[AdvanceOutcome]) -> list[Advance]:
    """Return the outcomes of accepted reports."""
    return [answer for answer in answers if isinstance(answer, Advance)]


@given(runs=RUNS)
@WITH_ONE_STORAGE
async def test_recipients_have_the_furthest_state_when_devices_report_in_any_order(
    storage: Storage, runs: dict[Device, list[list[Reported]]]
) -> None:
    """All devices of a user are one recipient, and a message has the lowest recipient state."""
    messages = await sent_by_each(storage)

    await report_all(storage, messages, runs)

    expected = furthest(messages, runs)
    statuses = {
        message.id: {
            status.recipient_id: status.status
            for status in (await storage.deliveries.statuses(message.id, ALICE)).statuses
        }
        for message in messages
    }
    stored = await storage.messages.stored_after(messages[0].channel_id, 0, len(messages))
    assert expected == statuses
    assert [overall_state(expected[message.id].values()) for message in messages] == [
        message.delivery_status for message in stored
    ]


@given(runs=RUNS)
@WITH_ONE_STORAGE
async def test_what_is_undelivered_is_what_is_sent_when_devices_report_in_any_order(
    storage: Storage, runs: dict[Device, list[list[Reported]]]
) -> None:
    """For every user, counts and pages of undelivered messages agree with the reports."""
    messages = await sent_by_each(storage)
    channel_id = messages[0].channel_id

    await report_all(storage, messages, runs)

    expected = furthest(messages, runs)
    for user_id in USERS:
        waiting = [
            message.id
            for message in messages
            if expected[message.id].get(user_id) is DeliveryState.SENT
        ]
        page = await storage.deliveries.undelivered(user_id, after=0, limit=1_000)
        counts = (await storage.deliveries.undelivered_counts(user_id)).channels
        assert waiting == [each.id for each in page.messages if each.channel_id == channel_id]
        assert len(waiting) == counts.get(channel_id, 0)


@given(runs=RUNS)
@WITH_ONE_STORAGE
async def test_each_change_is_reported_once_when_devices_report_in_any_order(
    storage: Storage, runs: dict[Device, list[list[Reported]]]
) -> None:
    """A recipient's state changes at most twice, and only forward. The last change is stored."""
    messages = await sent_by_each(storage)

    answers = await report_all(storage, messages, runs)

    changes: dict[tuple[MessageId, UserId], list[DeliveryState]] = {}
    for answer in advances(answer for each in answers.values() for answer in each):
        if answer.changed:
            key = (answer.status.message_id, answer.status.recipient_id)
            changes.setdefault(key, []).append(answer.status.status)
    for message_id, recipients in furthest(messages, runs).items():
        for user_id, state in recipients.items():
            steps = sorted(changes.pop((message_id, user_id), []), key=ORDER.index)
            assert steps in ([], ORDER[1:2], ORDER[2:], ORDER[1:])
            assert state is (steps[-1] if steps else DeliveryState.SENT)
    assert {} == changes


@given(runs=RUNS)
@WITH_ONE_STORAGE
async def test_no_device_sees_a_step_back_when_others_report_at_once(
    storage: Storage, runs: dict[Device, list[list[Reported]]]
) -> None:
    """An outcome is never behind the reported state or the device's earlier outcomes.

    Authors cannot report their own messages.
    """
    messages = await sent_by_each(storage)

    answers = await report_all(storage, messages, runs)

    for (user_id, number), batches in runs.items():
        reports = [report for batch in batches for report in batch]
        reached = [0] * len(messages)
        for (index, state), answer in zip(reports, answers[user_id, number], strict=True):
            if isinstance(answer, Advance):
                step = ORDER.index(answer.status.status)
                assert step >= max(reached[index], ORDER.index(state))
                reached[index] = step
            else:
                assert isinstance(answer, NotARecipient)
                assert messages[index].user_id == user_id
