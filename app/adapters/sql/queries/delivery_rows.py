"""Reading deliveries and states: the way from a row to the domain."""

from sqlalchemy import RowMapping

from app.domain.delivery import DeliveryState, DeliveryStatus

_STATES: dict[str | None, DeliveryState] = {state.value: state for state in DeliveryState}


def to_status(row: RowMapping) -> DeliveryStatus:
    """One row of ``message_deliveries``."""
    return DeliveryStatus(
        message_id=row["message_id"],
        recipient_id=row["recipient_id"],
        status=DeliveryState(row["status"]),
        timestamp=row["updated_at"],
    )


def to_state(text: str | None) -> DeliveryState:
    """A message's own ``deliveryStatus``, which the original backend writes too.

    One that is unknown here, or NULL, counts as SENT: the message is stored, and nothing more is
    known of it.
    """
    return _STATES.get(text, DeliveryState.SENT)
