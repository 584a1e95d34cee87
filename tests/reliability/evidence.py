"""What a scenario leaves behind: what people wrote down, and what the database holds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class MessageKey:
    """A message as somebody was told of it: these four belong together for good."""

    message_id: str
    channel_id: str
    seq: int
    author_id: str


@dataclass(frozen=True, slots=True)
class Ack:
    """The server said that it has stored the message."""

    message: MessageKey
    by_device: str


@dataclass(slots=True)
class Send:
    """One message somebody wanted to send, under one ``clientMessageId``, however often it took.

    Its content begins with ``client_message_id``, which tells it in the database.

    Attributes:
        edit: The content it was to get later; None: it was not edited.
        is_edit_acked: Whether the server said it got it.
        is_deletion_wanted: Whether its author has ever asked to delete it.
        is_deletion_acked: Whether the server said it did.
        refusals: Codes of answers that mean: never.
        is_beside: Whether the original backend stored it: without any ack, or client message id.
        after_deletion: Codes of the answers to sending it again, once it was deleted; None: acked.
    """

    author_id: str
    channel_id: str
    client_message_id: str
    attempts: int = 0
    acks: list[Ack] = field(default_factory=list)
    edit: str | None = None
    is_edit_acked: bool = False
    is_deletion_wanted: bool = False
    is_deletion_acked: bool = False
    refusals: list[str] = field(default_factory=list)
    is_beside: bool = False
    after_deletion: list[str | None] = field(default_factory=list)

    @property
    def content(self) -> str:
        """As it was sent first."""
        return f"{self.client_message_id} as sent"


@dataclass(frozen=True, slots=True)
class Reception:
    """One time that one device was told of one message.

    Attributes:
        at: By the monotonic clock, in seconds.
        stream: Numbers the device's connections and requests: what came by one of them came in
            one order, and each message once.
        is_live: By ``message.created``; else in the pages of ``message:getOffline``.
    """

    message: MessageKey
    at: float
    stream: int
    is_live: bool


@dataclass(frozen=True, slots=True)
class Receipt:
    """How far a recipient has come with a message: told to its author, acked, or stored."""

    message_id: str
    recipient_id: str
    status: str


@dataclass(slots=True)
class DeviceLog:
    """What one device was told, in the order it was told."""

    user_id: str
    name: str
    receptions: list[Reception] = field(default_factory=list)
    receipts: list[Receipt] = field(default_factory=list)
    """Of the user's own messages."""

    def __str__(self) -> str:
        return f"{self.user_id}'s {self.name}"


@dataclass(frozen=True, slots=True)
class Absence:
    """A time in which a user certainly did not belong to a channel.

    From ``since`` to ``until`` by the monotonic clock, the answer to the removal and the request to
    add again; messages after ``last_seq`` were stored after the removal, and those after
    ``return_seq`` after the return.
    """

    user_id: str
    channel_id: str
    since: float
    until: float
    last_seq: int
    return_seq: int


@dataclass(frozen=True, slots=True)
class Answer:
    """How the server answered one request.

    Attributes:
        code: None: it was done.
        seconds: From the request on, those before it on its socket included.
    """

    event: str
    code: str | None
    seconds: float


@dataclass(slots=True)
class Notes:
    """Everything that was written down by those who took part.

    Attributes:
        slack_seconds: What the machine may take for an answer besides, when it is busy.
        unanswered: Events that got no answer, though the connection lasted.
        reported: Receipts that the server has acked to their recipients.
        counts: By user, the answer to ``message:getOfflineCount`` after all was quiet.
        server_log: What all servers wrote.
    """

    slack_seconds: float
    sends: list[Send] = field(default_factory=list)
    devices: list[DeviceLog] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    unanswered: list[str] = field(default_factory=list)
    reported: list[Receipt] = field(default_factory=list)
    absences: list[Absence] = field(default_factory=list)
    counts: dict[str, Mapping[str, int]] = field(default_factory=dict)
    server_log: str = ""


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """A row of ``messages`` with its number; 0 if it has none.

    Attributes:
        position: Its place in the order of storing, among all messages.
    """

    key: MessageKey
    content: str
    status: str
    position: int


@dataclass(frozen=True, slots=True)
class Stored:
    """What the database holds.

    Attributes:
        last_seqs: By channel: the last number given.
        client_messages: (user, client message id, message id).
        members: (channel, user), as it ended.
    """

    messages: Sequence[StoredMessage]
    last_seqs: Mapping[str, int]
    client_messages: Sequence[tuple[str, str, str]]
    deliveries: Sequence[Receipt]
    members: frozenset[tuple[str, str]]
