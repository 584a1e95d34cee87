"""Databases of revision 0005, with deliveries as servers of that revision stored them."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from typing import TypeAlias

from sqlalchemy import Connection, text

States: TypeAlias = dict[tuple[str, int], dict[str, str]]
"""The state of each recipient, by channel and seq."""

_TIME = "2026-01-31 09:30:00.000000"
_NEXT_STATES = {"SENT": ("DELIVERED", "READ"), "DELIVERED": ("READ",), "READ": ()}


@dataclass(slots=True)
class OldServer:
    """Writes to a database as a server of revision 0005 does; the caller begins transactions."""

    random: Random
    users: list[str] = field(default_factory=lambda: [f"user-{number}" for number in range(9)])
    channels: list[str] = field(
        default_factory=lambda: [f"channel-{number}" for number in range(4)]
    )
    sent: int = 0
    prefix: str = "message"

    def create(self, connection: Connection) -> None:
        """Create the users and channels; half of the users are members of each channel."""
        for user in self.users:
            run(
                connection,
                'INSERT INTO users (id, "updatedAt") VALUES (:user, :time)',
                user=user,
            )
        for channel in self.channels:
            run(
                connection,
                'INSERT INTO channels (id, name, "createdById", "updatedAt") '
                "VALUES (:channel, :channel, :user, :time)",
                channel=channel,
                user=self.users[0],
            )
            for user in self.random.sample(self.users, len(self.users) // 2):
                join(connection, channel, user)

    def gather(self, connection: Connection) -> None:
        """Make all users members of all channels; the memberships begin now."""
        run(connection, 'DELETE FROM channel_members WHERE "userId" IS NOT NULL')
        for channel in self.channels:
            for user in self.users:
                join(connection, channel, user)

    def act(self, connection: Connection) -> None:
        """Send a message, report messages, or add or remove a member, at random."""
        channel, user = self.random.choice(self.channels), self.random.choice(self.users)
        action = self.random.random()
        if action < 0.45:
            self.send(connection, channel)
        elif action < 0.85:
            self.report(connection)
        elif not run(
            connection,
            'DELETE FROM channel_members WHERE "channelId" = :channel AND "userId" = :user',
            channel=channel,
            user=user,
        ):
            join(connection, channel, user)

    def send(self, connection: Connection, channel: str) -> None:
        """Store a message of a member, with a row for each recipient."""
        members = _column(
            connection,
            'SELECT "userId" FROM channel_members WHERE "channelId" = :channel ORDER BY 1',
            channel=channel,
        )
        if not members:
            return
        self.sent += 1
        message = f"{self.prefix}-{self.random.random()}-{self.sent}"
        run(
            connection,
            "INSERT INTO channel_sequences (channel_id, last_seq) VALUES (:channel, 1) "
            "ON CONFLICT (channel_id) DO UPDATE SET last_seq = channel_sequences.last_seq + 1",
            channel=channel,
        )
        run(
            connection,
            'INSERT INTO messages (id, content, "channelId", "userId", "updatedAt") '
            "VALUES (:message, 'hello', :channel, :user, :time)",
            message=message,
            channel=channel,
            user=self.random.choice(members),
        )
        run(
            connection,
            "INSERT INTO message_sequences (message_id, channel_id, seq) "
            "SELECT :message, channel_id, last_seq FROM channel_sequences "
            "WHERE channel_id = :channel",
            message=message,
            channel=channel,
        )
        run(
            connection,
            """
            INSERT INTO message_deliveries
                (message_id, recipient_id, channel_id, position, status, updated_at)
            SELECT sequence.message_id, member."userId", sequence.channel_id, sequence.position,
                'SENT', messages."updatedAt"
            FROM message_sequences AS sequence
            JOIN messages ON messages.id = sequence.message_id
            JOIN channel_members AS member ON member."channelId" = sequence.channel_id
                AND member."userId" <> messages."userId"
            WHERE sequence.message_id = :message
            """,
            message=message,
        )

    def report(self, connection: Connection) -> None:
        """Advance up to three recipients of messages together."""
        rows = connection.execute(
            text(
                "SELECT message_id, recipient_id, status FROM message_deliveries "
                "WHERE status <> 'READ' ORDER BY position, recipient_id"
            )
        ).all()
        if not rows:
            return
        first = self.random.randrange(len(rows))
        for message, user, status in rows[first : first + 3]:
            run(
                connection,
                "UPDATE message_deliveries SET status = :state, updated_at = :time "
                "WHERE message_id = :message AND recipient_id = :user AND status = :status",
                state=self.random.choice(_NEXT_STATES[status]),
                message=message,
                user=user,
                status=status,
            )


def join(connection: Connection, channel: str, user: str) -> None:
    """Add a member."""
    run(
        connection,
        'INSERT INTO channel_members ("channelId", "userId") VALUES (:channel, :user)',
        channel=channel,
        user=user,
    )


def run(connection: Connection, statement: str, **values: str) -> int:
    """Run a statement, in which ``:time`` is a time; return the number of its rows."""
    time = f"'{_TIME}'"
    return connection.execute(text(statement.replace(":time", time)), values).rowcount


def old_states(connection: Connection) -> States:
    """Read the states of all recipients as servers of revision 0005 do."""
    states: States = defaultdict(dict)
    for channel, seq, user, status in connection.execute(
        text(
            "SELECT sequence.channel_id, seq, recipient_id, status FROM message_deliveries "
            "JOIN message_sequences AS sequence USING (message_id)"
        )
    ):
        states[channel, seq][user] = status
    return dict(states)


def new_states(connection: Connection) -> States:
    """Read the states of all recipients from the tables of revision 0006, in the simplest way."""
    ranges = ranges_of(connection)
    receipts = {
        (position, user): status
        for position, user, status in connection.execute(
            text("SELECT position, recipient_id, status FROM message_receipts")
        )
    }
    members = connection.execute(text("SELECT channel_id, user_id, left_after FROM memberships"))
    memberships = members.all()
    states: States = {}
    for position, channel, seq, author in connection.execute(
        text(
            'SELECT position, channel_id, seq, "userId" FROM message_sequences '
            "JOIN messages ON messages.id = message_id"
        )
    ):
        found = {user: status for (of, user), status in receipts.items() if of == position}
        for of, user, left_after in memberships:
            was_member = of == channel and (left_after is None or left_after >= seq)
            is_done = any(start <= seq < end for start, end in ranges[channel, user])
            if was_member and user != author and not is_done:
                assert user not in found
                found[user] = "SENT"
        if found:
            states[channel, seq] = found
    return states


def ranges_of(connection: Connection) -> dict[tuple[str, str], list[tuple[int, int]]]:
    """Read the delivered ranges by channel and user, in order."""
    ranges: dict[tuple[str, str], list[tuple[int, int]]] = defaultdict(list)
    for channel, user, start, end in connection.execute(
        text(
            "SELECT channel_id, user_id, first_seq, end_seq FROM delivered_ranges "
            "ORDER BY channel_id, user_id, first_seq"
        )
    ):
        ranges[channel, user].append((start, end))
    return ranges


def overlaps(connection: Connection) -> Iterator[tuple[str, str]]:
    """Find the members whose ranges overlap or are empty."""
    for key, ranges in ranges_of(connection).items():
        ends = [0, *(end for _, end in ranges)]
        if any(start < end for (start, _), end in zip(ranges, ends, strict=False)):
            yield key
        if any(start >= end for start, end in ranges):
            yield key


def _column(connection: Connection, query: str, **values: str) -> list[str]:
    return [str(value) for value in connection.execute(text(query), values).scalars()]
