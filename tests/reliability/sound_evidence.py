"""Evidence that violates no invariant. Tests modify this evidence to cause violations."""

from dataclasses import replace

from tests.reliability.evidence import (
    Absence,
    Ack,
    Answer,
    Connection,
    DeviceLog,
    Exit,
    MessageKey,
    Notes,
    Outage,
    Receipt,
    Reception,
    Restart,
    Send,
    Stored,
    StoredMessage,
    Visit,
)

FIRST = MessageKey("m1", "kitchen", 1, "alice")
SECOND = MessageKey("m2", "kitchen", 2, "bob")
STUDIO = MessageKey("m3", "studio", 1, "carol")


class SoundEvidence:
    """Two messages in `kitchen`, and one in `studio` from a time when erin was not a member."""

    def __init__(self) -> None:
        self.sends = [
            Send(
                *(key.author_id, key.channel_id, f"{key.author_id}-0"),
                asked_at=0.5,
                attempts=1,
                acks=[Ack(key, "alice's phone", 0.6)],
            )
            for key in (FIRST, SECOND, STUDIO)
        ]
        self.first = self.sends[0]
        self.dave, self.alice, self.erin = (
            DeviceLog(user, "phone", connections=[Connection(0.1, stream=0)])
            for user in ("dave", "alice", "erin")
        )
        for device in (self.dave, self.alice):
            device.receptions = [reception(key) for key in (FIRST, SECOND, STUDIO)]
        self.erin.receptions = [reception(key) for key in (FIRST, SECOND)]
        self.alice.receipts = [Receipt("m1", "dave", "DELIVERED"), Receipt("m1", "dave", "READ")]
        self.notes = Notes(
            slack_seconds=2.0,
            sends=self.sends,
            devices=[self.dave, self.alice, self.erin],
            answers=[
                Answer("sendMessage", None, 0.1),
                Answer("sendMessage", "unavailable", 3.0),
            ],
            reported=[Receipt("m1", "dave", "READ")],
            outages=[Outage("stopped", frozenset({0}), 0.2, 2.0, recovery_seconds=5.0)],
            visits=[Visit("new after", "admitted", "admitted", 0.1)],
            exits=[Exit(0, 0, seconds=10.0, max_seconds=10.0)],
            restarts=[Restart("drained", 10, seconds=30.0, key_fetches=1, starts=1)],
            received_by_nest=["m1"],
            memory_mb=100.0,
            absences=[Absence("erin", "studio", 0.0, 2.0, last_seq=0, return_seq=1)],
            counts={"dave": {"kitchen": 1, "studio": 1}, "bob": {}},
            server_log="listening on ...",
        )
        self.stored = Stored(
            messages=[
                StoredMessage(key, f"{key.author_id}-0 as sent", "SENT", position)
                for position, key in enumerate((FIRST, SECOND, STUDIO))
            ],
            last_seqs={"kitchen": 2, "studio": 1},
            client_messages=[
                (key.author_id, f"{key.author_id}-0", key.message_id)
                for key in (FIRST, SECOND, STUDIO)
            ],
            deliveries=[
                Receipt("m1", "bob", "DELIVERED"),
                Receipt("m1", "dave", "READ"),
                Receipt("m1", "erin", "SENT"),
                *(Receipt("m2", user, "SENT") for user in ("alice", "dave", "erin")),
                *(Receipt("m3", user, "SENT") for user in ("alice", "dave")),
            ],
            members=frozenset({("kitchen", "bob"), ("kitchen", "dave"), ("studio", "dave")}),
        )

    def store(
        self,
        key: MessageKey,
        *,
        new_key: MessageKey | None = None,
        content: str | None = None,
        status: str | None = None,
        position: int | None = None,
    ) -> None:
        (row,) = (each for each in self.stored.messages if each.key == key)
        changed = StoredMessage(
            new_key or row.key,
            content or row.content,
            status or row.status,
            row.position if position is None else position,
        )
        rest = [each for each in self.stored.messages if each is not row]
        self.stored = replace(self.stored, messages=[*rest, changed])

    def lose(self, key: MessageKey) -> None:
        rest = [each for each in self.stored.messages if each.key != key]
        self.stored = replace(self.stored, messages=rest)

    def deliver(self, *receipts: Receipt) -> None:
        """Store these deliveries, and replace those with the same message and recipient."""
        changed = {(each.message_id, each.recipient_id) for each in receipts}
        rest = [
            each
            for each in self.stored.deliveries
            if (each.message_id, each.recipient_id) not in changed
        ]
        self.stored = replace(self.stored, deliveries=[*rest, *receipts])


def reception(key: MessageKey, *, at: float = 1.0, stream: int = 0) -> Reception:
    """Return a reception of a message by ``message.created``."""
    return Reception(key, at, stream, is_live=True)


def fetched(live: Reception) -> Reception:
    """Return a reception of the same message by ``message:getOffline``."""
    return replace(live, stream=100, is_live=False)
