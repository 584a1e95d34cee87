"""The evidence of a scenario: what devices recorded, and what the database contains."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class MessageKey:
    """The fields of a message that never change."""

    message_id: str
    channel_id: str
    seq: int
    author_id: str


@dataclass(frozen=True, slots=True)
class Ack:
    """An ack of a stored message.

    Attributes:
        by_device: The name of the device that received the ack.
        at: The monotonic time of the ack.
    """

    message: MessageKey
    by_device: str
    at: float


@dataclass(slots=True)
class Send:
    """A message that a user sends with one ``clientMessageId``, in any number of attempts.

    The content begins with ``client_message_id``, which identifies the message in the database.

    Attributes:
        asked_at: The monotonic time of the first attempt.
        edit: The content after the edit; None if the message was not edited.
        is_edit_acked: Whether the edit was acked.
        is_deletion_wanted: Whether the author has requested the deletion.
        is_deletion_acked: Whether the deletion was acked.
        refusals: The codes of permanent refusals.
        is_by_original: Whether the original backend stored the message, without an ack or client
            id.
        after_deletion: The error codes of repeated sends after the deletion; None for an ack.
    """

    author_id: str
    channel_id: str
    client_message_id: str
    asked_at: float
    attempts: int = 0
    acks: list[Ack] = field(default_factory=list)
    edit: str | None = None
    is_edit_acked: bool = False
    is_deletion_wanted: bool = False
    is_deletion_acked: bool = False
    refusals: list[str] = field(default_factory=list)
    is_by_original: bool = False
    after_deletion: list[str | None] = field(default_factory=list)

    @property
    def content(self) -> str:
        """The content as it was first sent."""
        return f"{self.client_message_id} as sent"


@dataclass(frozen=True, slots=True)
class Reception:
    """One reception of one message by one device.

    Attributes:
        at: The monotonic time in seconds.
        stream: The number of the connection or paged request that delivered the message. Within a
            stream, each message comes once, and in order.
        is_live: Whether the message came as ``message.created``, not from ``message:getOffline``.
    """

    message: MessageKey
    at: float
    stream: int
    is_live: bool


@dataclass(frozen=True, slots=True)
class Receipt:
    """The delivery status of a message for a recipient."""

    message_id: str
    recipient_id: str
    status: str


@dataclass(frozen=True, slots=True)
class Connection:
    """A connection of a device.

    Attributes:
        at: The monotonic time at which the device was admitted.
        stream: The number that `Reception.stream` has for messages of this connection.
    """

    at: float
    stream: int


@dataclass(frozen=True, slots=True)
class SyncRequired:
    """A ``sync:required`` event: the server does not send messages after this ``seq``.

    Attributes:
        stream: The number of the connection.
    """

    channel_id: str
    after_seq: int
    stream: int


@dataclass(slots=True)
class DeviceLog:
    """The messages and receipts that one device received, in order.

    Attributes:
        node: The index of the server to which the device connects.
        receipts: The receipts for the user's own messages.
    """

    user_id: str
    name: str
    node: int = 0
    connections: list[Connection] = field(default_factory=list)
    receptions: list[Reception] = field(default_factory=list)
    receipts: list[Receipt] = field(default_factory=list)
    syncs: list[SyncRequired] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{self.user_id}'s {self.name}"


@dataclass(frozen=True, slots=True)
class Absence:
    """A period in which a user was certainly not a member of a channel.

    Attributes:
        since: The monotonic time by which all servers have applied the removal.
        until: The monotonic time at which the addition was requested.
        last_seq: The channel's last ``seq`` after the removal.
        return_seq: The channel's last ``seq`` after the return.
    """

    user_id: str
    channel_id: str
    since: float
    until: float
    last_seq: int
    return_seq: int


@dataclass(frozen=True, slots=True)
class Outage:
    """A period in which some nodes certainly did not reach Redis.

    Attributes:
        name: The fault.
        nodes: The indexes of these nodes.
        since: The monotonic time at which all these nodes had noticed the fault.
        until: The monotonic time at which the fault ended.
        recovery_seconds: The time until all nodes were ready and had subscribed again.
    """

    name: str
    nodes: frozenset[int]
    since: float
    until: float
    recovery_seconds: float


@dataclass(frozen=True, slots=True)
class Exit:
    """The exit of a server after a signal.

    Attributes:
        seconds: The time from the signal to the exit.
        max_seconds: The time in which the server should exit.
    """

    code: int
    expected_code: int
    seconds: float
    max_seconds: float


@dataclass(frozen=True, slots=True)
class Restart:
    """The consequences of a restart for the clients and for Clerk.

    Attributes:
        clients: The number of clients besides the devices.
        seconds: The time from the end of the restart until all clients were connected.
        key_fetches: How often processes fetched the signing keys during the restart.
        starts: The number of started processes.
        renewals: The maximum number of fetches by processes that have been running for a long time,
            because each of them renews its keys every four minutes.
    """

    name: str
    clients: int
    seconds: float
    key_fetches: int
    starts: int
    renewals: int = 0


@dataclass(frozen=True, slots=True)
class Visit:
    """The result of a visitor's connection around an outage of Redis.

    Attributes:
        expected: The expected result: see `tests.e2e.light_client.Verdict.code`.
        seconds: The time from the connection, or from the node's recovery, to the result.
    """

    name: str
    expected: str
    result: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one request.

    Attributes:
        code: The code of the error; None for a success.
        seconds: The time from the request to the answer. Earlier requests of the same socket may
            have delayed the answer.
    """

    event: str
    code: str | None
    seconds: float


@dataclass(slots=True)
class Notes:
    """The records of all participants.

    Attributes:
        slack_seconds: The additional time that an answer may take on a busy machine.
        unanswered: The events without an answer on a connection that stayed open.
        reported: The receipts that recipients sent and the server acked.
        outages: The periods without Redis.
        counts: The last answer to ``message:getOfflineCount``, by user.
        received_by_nest: The ids of the messages that a client of a NestJS gateway has received.
        server_log: The output of all servers.
        memory_mb: The largest memory of a server, in MB.
        is_live: Whether the servers publish all messages to all devices. If not, devices must
            fetch the messages of other nodes.
    """

    slack_seconds: float
    sends: list[Send] = field(default_factory=list)
    devices: list[DeviceLog] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    unanswered: list[str] = field(default_factory=list)
    reported: list[Receipt] = field(default_factory=list)
    absences: list[Absence] = field(default_factory=list)
    outages: list[Outage] = field(default_factory=list)
    visits: list[Visit] = field(default_factory=list)
    exits: list[Exit] = field(default_factory=list)
    restarts: list[Restart] = field(default_factory=list)
    counts: dict[str, Mapping[str, int]] = field(default_factory=dict)
    received_by_nest: list[str] = field(default_factory=list)
    server_log: str = ""
    memory_mb: float = 0.0
    is_live: bool = True


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """A row of ``messages`` with its sequence number; 0 if it has none.

    Attributes:
        position: The position in the order of storing, among all messages.
    """

    key: MessageKey
    content: str
    status: str
    position: int


@dataclass(frozen=True, slots=True)
class Stored:
    """The contents of the database at the end.

    Attributes:
        last_seqs: The last sequence number of each channel.
        client_messages: Rows of user, client message id and message id.
        members: Pairs of channel id and user id.
    """

    messages: Sequence[StoredMessage]
    last_seqs: Mapping[str, int]
    client_messages: Sequence[tuple[str, str, str]]
    deliveries: Sequence[Receipt]
    members: frozenset[tuple[str, str]]
