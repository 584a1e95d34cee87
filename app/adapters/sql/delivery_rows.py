"""Reading deliveries: the way from a row to the domain."""

from sqlalchemy import RowMapping

from app.domain.delivery import DeliveryState, DeliveryStatus


def to_status(row: RowMapping) -> DeliveryStatus:
    """One row of ``message_deliveries``."""
    return DeliveryStatus(
        message_id=row["message_id"],
        recipient_id=row["recipient_id"],
        status=DeliveryState(row["status"]),
        timestamp=row["updated_at"],
    )
