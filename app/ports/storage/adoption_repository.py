"""Adopts messages that the original backend stores in the same database."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol, runtime_checkable

from app.domain.ids import ChannelId, MessageId


@runtime_checkable
class AdoptionRepository(Protocol):
    """Finds messages without a ``seq``, and assigns a ``seq`` to each.

    Each method is one transaction. Every method raises `Unavailable` if the storage fails. Nothing
    was changed in this case, unless the error is `Unconfirmed`: then a commit was interrupted, and
    the change may be stored.
    """

    async def find_unsequenced(
        self,
        limit: int,
        now: datetime,
        except_messages: Collection[MessageId] = (),
        except_channels: Collection[ChannelId] = (),
    ) -> Mapping[ChannelId, Sequence[MessageId]]:
        """Return up to ``limit`` messages that have no ``seq``, grouped by channel.

        A call may search only a part of the messages, and returns the oldest ones in this part.
        Repeated calls search all messages.

        Args:
            except_messages: Messages to ignore.
            except_channels: Channels whose messages are ignored.
        """
        ...

    async def adopt(self, message_ids: Sequence[MessageId]) -> int:
        """Assign a ``seq`` to each of these messages that has none, in the order of creation.

        The recipients of a message are the members who joined before the message was created,
        except the author. A recipient with a read receipt of the original backend gets the state
        READ.

        Returns the number of adopted messages. Messages that are locked by another program are not
        adopted.

        Raises:
            StorageRejected: The storage cannot store one of the messages.
        """
        ...
