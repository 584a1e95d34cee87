"""The tables of the original backend, followed by those that this project adds.

The original backend's tables are declared exactly as in Prisma's migrations. These tables are never
altered, because a database may be shared with the original backend. This project adds only indexes,
and tables with names in snake_case. The modules in ``migrations`` create all tables and indexes; a
test compares the result with this module.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from app.adapters.sql.schema.dialects import POSITION, UtcTimestamp, enum_type

NOW = text("CURRENT_TIMESTAMP")

# Conditions of partial indexes. A database uses a partial index only if a query contains exactly
# the condition of the index, with literals instead of bound parameters.
OTHERS = text("(length(id) <> 36 OR substr(id, 15, 1) <> '8')")
"""The condition for the original backend's messages: this server's ids are UUIDs of version 8."""

metadata = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "fk": "%(table_name)s_%(column_0_name)s_fkey",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
    }
)


# Every column that refers to a message or a channel must be the first column of an index, a primary
# key or a unique constraint. Without one, each deletion of a message or channel scans the table. A
# column that refers to a user needs none, because users are deleted rarely.
def _references(column: str, on_delete: str = "CASCADE") -> ForeignKey:
    return ForeignKey(column, ondelete=on_delete, onupdate="CASCADE")


users = Table(
    "users",
    metadata,
    Column("id", Text, primary_key=True),
    Column("email", Text),
    Column("name", Text),
    Column("imageUrl", Text),
    Column("createdAt", UtcTimestamp, nullable=False, server_default=NOW),
    Column("updatedAt", UtcTimestamp, nullable=False),
    Column("isOnline", Boolean, nullable=False, server_default=text("false")),
    Column("lastSeen", UtcTimestamp, nullable=False, server_default=NOW),
)

channels = Table(
    "channels",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("description", Text),
    Column(
        "type",
        enum_type("ChannelType", "PUBLIC", "PRIVATE", "DM"),
        nullable=False,
        server_default="PUBLIC",
    ),
    Column("createdById", Text, _references("users.id", "RESTRICT"), nullable=False),
    Column("createdAt", UtcTimestamp, nullable=False, server_default=NOW),
    Column("last_activity_at", UtcTimestamp, nullable=False, server_default=NOW),
    Column("member_count", Integer, nullable=False, server_default=text("0")),
    Column("updatedAt", UtcTimestamp, nullable=False),
)

channel_members = Table(
    "channel_members",
    metadata,
    Column("channelId", Text, _references("channels.id"), primary_key=True),
    Column("userId", Text, _references("users.id"), primary_key=True),
    Column(
        "role",
        enum_type("MemberRole", "OWNER", "ADMIN", "MEMBER"),
        nullable=False,
        server_default="MEMBER",
    ),
    Column("createdAt", UtcTimestamp, nullable=False, server_default=NOW),
    Column("last_read_at", UtcTimestamp, nullable=False, server_default=NOW),
    Column("joined_at", UtcTimestamp, nullable=False, server_default=NOW),
    Column("unread_count", Integer, nullable=False, server_default=text("0")),
    # Added by this project: each new connection reads the channels of its user with this index.
    Index(None, "userId"),
)

messages = Table(
    "messages",
    metadata,
    Column("id", Text, primary_key=True),
    Column("content", Text, nullable=False),
    Column("channelId", Text, _references("channels.id"), nullable=False),
    Column("userId", Text, _references("users.id"), nullable=False),
    Column("createdAt", UtcTimestamp, nullable=False, server_default=NOW),
    Column("updatedAt", UtcTimestamp, nullable=False),
    Column(
        "deliveryStatus",
        enum_type("MessageDeliveryStatus", "SENDING", "SENT", "DELIVERED", "FAILED", "READ"),
        nullable=False,
        server_default="SENT",
    ),
    Column("replyToId", Text, _references("messages.id", "SET NULL")),
    # Added by this project: without this index, each deletion of a message scans all messages for
    # its replies.
    Index(None, "replyToId"),
    # Added by this project: without this index, deleting a channel scans all messages. The original
    # backend's last migration dropped a similar index.
    Index("messages_channel_idx", "channelId"),
    # Added by this project: the search for messages of the original backend uses this index.
    Index("messages_others_idx", "createdAt", sqlite_where=OTHERS, postgresql_where=OTHERS),
)

read_receipts = Table(
    "read_receipts",
    metadata,
    Column("messageId", Text, _references("messages.id"), primary_key=True),
    Column("userId", Text, _references("users.id"), primary_key=True),
    Column("readAt", UtcTimestamp, nullable=False, server_default=NOW),
)

channel_sequences = Table(
    "channel_sequences",
    metadata,
    Column("channel_id", Text, _references("channels.id"), primary_key=True),
    Column("last_seq", Integer, nullable=False),
)

message_sequences = Table(
    "message_sequences",
    metadata,
    # The position among all messages. The database assigns the position while the channel's row in
    # channel_sequences is locked, so within a channel, positions have the same order as seq.
    Column("position", POSITION, primary_key=True),
    Column("message_id", Text, _references("messages.id"), nullable=False),
    Column("channel_id", Text, nullable=False),
    Column("seq", Integer, nullable=False),
    # Each batch of receipts for the message increments this number. If the number has changed since
    # a batch read the receipts, the batch reads them again. The number begins with 1; in rows from
    # servers of revision 0005 or earlier, it begins with 0.
    Column("revision", Integer, nullable=False, server_default=text("0")),
    # The state that all recipients have reached; some may have reached a later state.
    Column("reached", Text, nullable=False, server_default="SENT"),
    # The user id at which the search for a recipient in the state `reached` begins: all recipients
    # with smaller ids have passed this state. NULL before the first search, and if all recipients
    # have read the message.
    Column("waiting_for", Text),
    UniqueConstraint("message_id"),
    UniqueConstraint("channel_id", "seq"),
    sqlite_autoincrement=True,
)

memberships = Table(
    "memberships",
    metadata,
    # Present and former members. Triggers on channel_members write this table, so that it also
    # contains the members that the original backend adds and removes. The server itself never
    # writes this table, but migrations, the conversion of old rows, and repairs do.
    Column("channel_id", Text, _references("channels.id"), primary_key=True),
    Column("user_id", Text, _references("users.id"), primary_key=True),
    # The channel's last seq when the member left; NULL for a present member.
    Column("left_after", Integer),
    sqlite_with_rowid=False,
)

delivered_ranges = Table(
    "delivered_ranges",
    metadata,
    # Ranges of seq whose messages need no more delivery to a user: messages that the user wrote or
    # received, and messages that were sent while the user was not a member. The state of a message
    # for a member is SENT if its seq is not in any range.
    Column("channel_id", Text, _references("channels.id"), primary_key=True),
    Column("user_id", Text, _references("users.id"), primary_key=True),
    Column("first_seq", Integer, primary_key=True),
    # The first seq after the range. The column has no index, and fillfactor leaves free space in
    # each page, so that PostgreSQL can extend a range without changing an index.
    Column("end_seq", Integer, nullable=False),
    sqlite_with_rowid=False,
    postgresql_with={"fillfactor": 70},
)

message_receipts = Table(
    "message_receipts",
    metadata,
    # The states that recipients report: DELIVERED or READ. Before the first report of a recipient,
    # there is no row.
    Column("position", BigInteger, _references("message_sequences.position"), primary_key=True),
    Column("recipient_id", Text, _references("users.id"), primary_key=True),
    Column("status", Text, nullable=False),
    Column("updated_at", UtcTimestamp, nullable=False),
    sqlite_with_rowid=False,
)

client_messages = Table(
    "client_messages",
    metadata,
    Column("user_id", Text, _references("users.id"), primary_key=True),
    Column("client_message_id", Text, primary_key=True),
    # Not a foreign key: after the message is deleted, the client message id must not be used again.
    Column("message_id", Text, nullable=False),
    # The digest of the first send (`app.domain.message.FirstSend`). NULL in rows that a server of
    # revision 0004 or earlier inserted.
    Column("digest", Text),
)

revocations = Table(
    "revocations",
    metadata,
    # A repeated revocation gets a new position at the end, because nodes read only the positions
    # that they have not read before.
    Column("position", POSITION, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("subject", Text, nullable=False),
    # Tokens issued until this time are revoked. The time is in seconds since the epoch; if it is
    # NULL, all tokens are revoked.
    Column("issued_until", Double),
    Column("expires_at", UtcTimestamp, nullable=False),
    Index(None, "kind", "subject", "expires_at"),
    Index(None, "expires_at"),
    sqlite_autoincrement=True,
)

webhook_messages = Table(
    "webhook_messages",
    metadata,
    Column("id", Text, primary_key=True),
    Column("expires_at", UtcTimestamp, nullable=False),
    Index(None, "expires_at"),
)
