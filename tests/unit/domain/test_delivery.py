from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.delivery import DeliveryState, overall_state

FORWARD = [
    DeliveryState.SENDING,
    DeliveryState.SENT,
    DeliveryState.DELIVERED,
    DeliveryState.READ,
]


@given(st.lists(st.sampled_from(DeliveryState)))
def test_status_never_goes_back_when_only_legal_transitions_are_made(
    reports: list[DeliveryState],
) -> None:
    """No order of reports moves a message back to an earlier state."""
    states = [DeliveryState.SENT]
    for report in reports:
        if states[-1].may_become(report):
            states.append(report)

    assert all(FORWARD.index(one) < FORWARD.index(next_one) for one, next_one in pairwise(states))


@pytest.mark.parametrize("state", DeliveryState)
def test_no_state_becomes_itself_when_reported_again(state: DeliveryState) -> None:
    assert not state.may_become(state)


def test_failed_message_may_get_as_far_as_any_when_it_failed() -> None:
    """A failed message may be sent again, or may turn out to be stored."""
    possible = [state for state in DeliveryState if DeliveryState.FAILED.may_become(state)]

    assert FORWARD == possible


@pytest.mark.parametrize(
    ("recipients", "expected"),
    [
        ([], DeliveryState.SENT),
        ([DeliveryState.SENT, DeliveryState.READ], DeliveryState.SENT),
        ([DeliveryState.DELIVERED, DeliveryState.READ], DeliveryState.DELIVERED),
        ([DeliveryState.READ, DeliveryState.READ], DeliveryState.READ),
    ],
    ids=["nobody", "one behind", "one not read", "all read"],
)
def test_message_stands_where_its_last_recipient_stands_when_they_differ(
    recipients: list[DeliveryState], expected: DeliveryState
) -> None:
    assert expected is overall_state(recipients)
