from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.adapters.memory.manual_clock import DEFAULT_START as NOW
from app.domain.delivery import DeliveryState, overall_state
from app.domain.ids import UserId
from tests.contract.storage import ALICE, BOB, CAROL, Storage, draft

ORDER = [DeliveryState.SENT, DeliveryState.DELIVERED, DeliveryState.READ]
REPORTS = st.lists(st.tuples(st.sampled_from([BOB, CAROL]), st.sampled_from(ORDER[1:])), max_size=8)


@given(reports=REPORTS)
@settings(
    max_examples=30,
    deadline=None,
    # One database for all examples: each looks at a message of its own.
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
async def test_deliveries_only_go_forward_when_reports_come_in_any_order(
    storage: Storage, reports: list[tuple[UserId, DeliveryState]]
) -> None:
    """Each recipient stands at the furthest state reported, the message at the lowest of these."""
    message = (await storage.messages.add(draft(), NOW)).message

    for recipient_id, state in reports:
        await storage.deliveries.advance(message.id, recipient_id, state, NOW)

    expected = {
        user_id: max(
            (state for reporter, state in reports if reporter == user_id),
            key=ORDER.index,
            default=DeliveryState.SENT,
        )
        for user_id in (BOB, CAROL)
    }
    statuses = await storage.deliveries.statuses(message.id, ALICE)
    read = await storage.messages.list_after(message.channel_id, ALICE, message.seq - 1, limit=1)
    assert expected == {status.recipient_id: status.status for status in statuses}
    assert overall_state(expected.values()) is read[0].delivery_status


@given(reports=REPORTS)
@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
async def test_a_message_waits_for_a_user_only_when_the_user_has_reported_nothing(
    storage: Storage, reports: list[tuple[UserId, DeliveryState]]
) -> None:
    """What is undelivered is exactly what is SENT, however the reports come."""
    before = await storage.deliveries.undelivered(BOB, after=0, limit=1_000)
    message = (await storage.messages.add(draft(), NOW)).message

    for recipient_id, state in reports:
        await storage.deliveries.advance(message.id, recipient_id, state, NOW)

    after = await storage.deliveries.undelivered(BOB, after=0, limit=1_000)
    waits = BOB not in {reporter for reporter, _ in reports}
    expected = before.messages + ((message,) if waits else ())
    assert [each.id for each in expected] == [each.id for each in after.messages]
