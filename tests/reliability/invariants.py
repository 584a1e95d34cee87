"""The invariants that must hold after every scenario, with any faults.

Each check takes the evidence, and yields a sentence for each violation. `violations` runs all
checks.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise, product
from math import inf

from tests.reliability.evidence import (
    Ack,
    Connection,
    DeviceLog,
    MessageKey,
    Notes,
    Receipt,
    Send,
    Stored,
)
from tests.reliability.participants import GUEST, GUEST_CHANNEL, MEMBERSHIPS, members

ANSWER_SECONDS = 3.0
LOCAL_SECONDS = 3.0
"""The maximum time between the ack of a message and its delivery to other devices on the node."""
RECOVERY_SECONDS = 5.0
"""The maximum time until nodes have recovered after an outage of Redis."""
TRACEBACK_LINES = 60
"""The maximum number of lines of a traceback that a violation shows."""

RETURN_SECONDS = 30.0
"""The maximum time until all clients are connected again after a restart."""
MEMORY_MB = 250.0

_RANKS = {"SENT": 0, "DELIVERED": 1, "READ": 2}

Violations = Iterator[str]


def violations(notes: Notes, stored: Stored) -> list[str]:
    """Return a sentence for each violation of an invariant."""
    return [sentence for check in CHECKS for sentence in check(notes, stored)]


def every_send_is_acked(notes: Notes, stored: Stored) -> Violations:
    """Every send is acked in the end, and a deleted message is not stored again."""
    del stored
    for send in notes.sends:
        if not send.acks and not send.is_by_original:
            yield f"{send.client_message_id} was never acked"
        for code in send.refusals:
            yield f"{send.client_message_id} was refused: {code}"
        if set(send.after_deletion) - {"message_deleted"}:
            yield f"{send.client_message_id} was deleted, but its repeated send was not refused"


def what_was_acked_is_stored(notes: Notes, stored: Stored) -> Violations:
    """Every acked message is stored as in the ack, and all acks of a send have the same message."""
    keys = {message.key for message in stored.messages}
    contents = {message.content for message in stored.messages}
    for send in notes.sends:
        if send.is_by_original and send.content not in contents:
            yield f"{send.client_message_id} of the original backend is not stored any more"
        acked = {ack.message for ack in send.acks}
        if len(acked) > 1:
            yield f"{send.client_message_id} was acked as {len(acked)} messages"
        if acked - keys and not send.is_deletion_wanted:
            yield f"{send.client_message_id} was acked, but is not stored"
        if acked & keys and send.is_deletion_acked:
            yield f"{send.client_message_id} is stored, although its deletion was acked"


def each_send_is_stored_once(notes: Notes, stored: Stored) -> Violations:
    """Each send is stored at most once, with its client message id. No other message is stored."""
    wanted = {(send.author_id, send.client_message_id): send for send in notes.sends}
    copies = Counter(
        (message.key.author_id, message.content.split()[0]) for message in stored.messages
    )
    for (author, name), number in copies.items():
        if number > 1:
            yield f"{name} of {author} is stored {number} times"
        if (author, name) not in wanted:
            yield f"{name} of {author} is stored, but was never sent"
    claims = Counter((user, name) for user, name, _ in stored.client_messages)
    for claim, number in claims.items():
        if number > 1:
            yield f"{claim} is claimed {number} times"
    claimed = set(stored.client_messages)
    for message in stored.messages:
        key, name = message.key, message.content.split()[0]
        send = wanted.get((key.author_id, name))
        is_by_original = send is not None and send.is_by_original
        if not is_by_original and (key.author_id, name, key.message_id) not in claimed:
            yield f"{name} is stored, but its client message id is not"


def numbers_have_no_gaps(notes: Notes, stored: Stored) -> Violations:
    """In each channel, each ``seq`` from 1 is used once. Only deleted messages leave gaps."""
    deleted = {
        (ack.message.channel_id, ack.message.seq)
        for send in notes.sends
        if send.is_deletion_wanted
        for ack in send.acks
    }
    seqs = Counter((message.key.channel_id, message.key.seq) for message in stored.messages)
    for (channel, seq), number in seqs.items():
        if number > 1:
            yield f"{channel} has {number} messages {seq}"
        if not 1 <= seq <= stored.last_seqs.get(channel, 0):
            yield f"{channel} has a message {seq}, beyond its last"
    for channel, last_seq in stored.last_seqs.items():
        for seq in range(1, last_seq + 1):
            if (channel, seq) not in seqs and (channel, seq) not in deleted:
                yield f"{channel} has no message {seq} of {last_seq}"


def numbers_follow_the_order_of_storing(notes: Notes, stored: Stored) -> Violations:
    """Within a channel, messages that were stored later have a higher ``seq``."""
    del notes
    by_channel = defaultdict(list)
    for message in stored.messages:
        by_channel[message.key.channel_id].append((message.position, message.key.seq))
    for channel, stored_at in by_channel.items():
        for (_, earlier), (_, later) in pairwise(sorted(stored_at)):
            if earlier > later:
                yield f"{channel} stored {later} after {earlier}"


def everybody_sees_one_order(notes: Notes, stored: Stored) -> Violations:
    """Each connection, and each paged request, delivers messages once and by ``seq``."""
    del stored
    for device in notes.devices:
        last: dict[tuple[int, str], int] = {}
        for reception in device.receptions:
            key = reception.message
            stream = (reception.stream, key.channel_id)
            if key.seq == last.get(stream):
                yield f"{device} received {key.seq} in {key.channel_id} twice"
            elif key.seq < last.get(stream, 0):
                yield f"{device} received {key.seq} after {last[stream]} in {key.channel_id}"
            last[stream] = key.seq


def clients_of_nest_receive_nothing_twice(notes: Notes, stored: Stored) -> Violations:
    """A client of a NestJS gateway receives messages of all nodes, each at most once."""
    del stored
    for message_id, number in Counter(notes.received_by_nest).items():
        if number > 1:
            yield f"a client of NestJS received {message_id} {number} times"


def nothing_is_received_that_is_not_stored(notes: Notes, stored: Stored) -> Violations:
    """Every received message is stored with its ``seq`` and author, or was deleted."""
    known = {message.key for message in stored.messages} | _deleted(notes)
    for device in notes.devices:
        for key in {reception.message for reception in device.receptions} - known:
            yield f"{device} received {key.seq} in {key.channel_id}, which is not stored so"


def nothing_is_left_out(notes: Notes, stored: Stored) -> Violations:
    """Every device of a member received every message that was not deleted.

    The guest's devices received every message since the guest's last return.
    """
    maybe_deleted = _deleted(notes)
    returned_at = max((absence.return_seq for absence in notes.absences), default=0)
    for device in notes.devices:
        received = {reception.message for reception in device.receptions}
        for message in stored.messages:
            key = message.key
            if key.channel_id not in MEMBERSHIPS[device.user_id] or key in maybe_deleted:
                continue
            if _is_guests(device.user_id, key.channel_id) and key.seq <= returned_at:
                continue
            if key not in received:
                yield f"{device} never received {key.seq} in {key.channel_id}"


def open_connections_miss_nothing(notes: Notes, stored: Stored) -> Violations:
    """A connection receives each message between its first and last one, as ``message.created``.

    A device's last connection also receives each message that was sent after it was opened.
    Exceptions are deleted messages, and those that follow a ``sync:required``. The guest's channel
    is not checked, because the guest leaves it and returns.
    """
    if not notes.is_live:
        return
    maybe_deleted = _deleted(notes)
    seqs = defaultdict(list)
    for message in stored.messages:
        if message.key not in maybe_deleted:
            seqs[message.key.channel_id].append(message.key.seq)
    for device, connection, channel in _memberships(notes):
        received = {
            each.message.seq
            for each in device.receptions
            if (each.stream, each.message.channel_id) == (connection.stream, channel)
        }
        first, last = min(received, default=inf), max(received, default=-inf)
        if connection is device.connections[-1]:
            first, last = min(first, _first_sent_after(connection.at, channel, notes)), inf
        told = {
            sync.after_seq
            for sync in device.syncs
            if (sync.stream, sync.channel_id) == (connection.stream, channel)
        }
        for seq in seqs[channel]:
            if first <= seq <= last and seq not in received and not _is_told(seq, received, told):
                yield f"{device} missed {seq} in {channel} on an open connection"


def local_delivery_continues(notes: Notes, stored: Stored) -> Violations:
    """Without Redis, a node's devices receive the messages that this node stores."""
    del stored
    maybe_deleted = _deleted(notes)
    nodes = {str(device): device.node for device in notes.devices}
    for device in notes.devices:
        received_at = {
            each.message: each.at for each in reversed(device.receptions) if each.is_live
        }
        for outage, ack in product(notes.outages, _acks(notes)):
            key = ack.message
            if (
                device.node == nodes[ack.by_device]
                and device.node in outage.nodes
                and outage.since <= ack.at <= outage.until
                and device.connections[-1].at < outage.since
                and key.channel_id in MEMBERSHIPS[device.user_id]
                and key not in maybe_deleted
                and not _is_guests(device.user_id, key.channel_id)
                and received_at.get(key, inf) > ack.at + LOCAL_SECONDS + notes.slack_seconds
            ):
                yield f"{device} did not receive {key.seq} in {key.channel_id}: {outage.name}"


def nodes_recover_in_time(notes: Notes, stored: Stored) -> Violations:
    """After an outage, all nodes are ready and subscribed again in time."""
    del stored
    for outage in notes.outages:
        if outage.recovery_seconds > RECOVERY_SECONDS + notes.slack_seconds:
            yield f"nodes recovered after {outage.recovery_seconds:.1f} s: {outage.name}"


def visitors_are_answered(notes: Notes, stored: Stored) -> Violations:
    """Each visitor is admitted or refused as expected, and in time."""
    del stored
    for visit in notes.visits:
        if visit.result != visit.expected:
            yield f"visitor {visit.name}: {visit.result}, not {visit.expected}"
        if visit.seconds > ANSWER_SECONDS + notes.slack_seconds:
            yield f"visitor {visit.name}: {visit.result} after {visit.seconds:.1f} s"


def servers_exit_in_time(notes: Notes, stored: Stored) -> Violations:
    """After a signal, a server exits in time and with the right code."""
    del stored
    for each in notes.exits:
        if each.code != each.expected_code:
            yield f"a server exited with {each.code}, not {each.expected_code}"
        if each.seconds > each.max_seconds + notes.slack_seconds:
            yield f"a server exited after {each.seconds:.1f} s of {each.max_seconds:.1f} s"


def clients_come_back(notes: Notes, stored: Stored) -> Violations:
    """After a restart, all clients return in time, with at most one key fetch per new process."""
    del stored
    for restart in notes.restarts:
        if restart.seconds > RETURN_SECONDS + notes.slack_seconds:
            yield f"clients came back after {restart.seconds:.1f} s: {restart.name}"
        if restart.key_fetches > restart.starts + restart.renewals:
            yield f"{restart.starts} processes fetched keys {restart.key_fetches} times"


def memory_is_bounded(notes: Notes, stored: Stored) -> Violations:
    """No server ever uses more than `MEMORY_MB`."""
    del stored
    if notes.memory_mb > MEMORY_MB:
        yield f"a server used {notes.memory_mb:.0f} MB"


def nobody_receives_other_channels(notes: Notes, stored: Stored) -> Violations:
    """Users receive messages only from channels of which they are members at the time."""
    del stored
    for device in notes.devices:
        for reception in device.receptions:
            channel = reception.message.channel_id
            if channel not in MEMBERSHIPS[device.user_id]:
                yield f"{device} received a message of {channel}"
            for absence in notes.absences:
                if (
                    (device.user_id, channel) == (absence.user_id, absence.channel_id)
                    and absence.since <= reception.at <= absence.until
                    and reception.message.seq > absence.last_seq
                ):
                    yield f"{device} received {reception.message.seq} in {channel} while removed"


def deliveries_are_those_of_the_members(notes: Notes, stored: Stored) -> Violations:
    """A message has a delivery for each member except the author.

    The guest is not checked, because the guest joins and leaves during the scenario.
    """
    del notes
    recipients = defaultdict(set)
    for receipt in stored.deliveries:
        recipients[receipt.message_id].add(receipt.recipient_id)
    for message in stored.messages:
        key = message.key
        expected = members(key.channel_id) - {key.author_id}
        found = recipients.pop(key.message_id, set())
        if key.channel_id == GUEST_CHANNEL:
            expected, found = expected - {GUEST}, found - {GUEST}
        if found != expected:
            yield f"{key.seq} in {key.channel_id} goes to {sorted(found)}, not {sorted(expected)}"
    yield from (f"the message {message_id} of a delivery is missing" for message_id in recipients)


def unread_counts_equal_a_recount(notes: Notes, stored: Stored) -> Violations:
    """The count of each channel equals the number of its deliveries that are SENT."""
    channels = {message.key.message_id: message.key.channel_id for message in stored.messages}
    recount: dict[str, Counter[str]] = defaultdict(Counter)
    for receipt in stored.deliveries:
        channel = channels.get(receipt.message_id, "")
        if receipt.status == "SENT" and (channel, receipt.recipient_id) in stored.members:
            recount[receipt.recipient_id][channel] += 1
    for user, counts in notes.counts.items():
        if counts != recount[user]:
            yield f"{user} has the counts {dict(counts)}, but the rows {dict(recount[user])}"


def receipts_never_go_back(notes: Notes, stored: Stored) -> Violations:
    """The author receives each status of a recipient once, and in order."""
    del stored
    for device in notes.devices:
        last: dict[tuple[str, str], Receipt] = {}
        for receipt in device.receipts:
            before = last.get((receipt.message_id, receipt.recipient_id))
            if before is not None and _RANKS[receipt.status] <= _RANKS[before.status]:
                yield f"{device} received {receipt.status} after {before.status} of {receipt}"
            last[receipt.message_id, receipt.recipient_id] = receipt


def receipts_are_stored(notes: Notes, stored: Stored) -> Violations:
    """Receipts that were acked to recipients or received by authors are stored."""
    acked = [(receipt, "acked") for receipt in notes.reported]
    received = [(receipt, "received") for device in notes.devices for receipt in device.receipts]
    reached = {(each.message_id, each.recipient_id): each.status for each in stored.deliveries}
    present = {message.key.message_id for message in stored.messages}
    for receipt, how in acked + received:
        if receipt.message_id in present:
            status = reached.get((receipt.message_id, receipt.recipient_id))
            if status is None or _RANKS[status] < _RANKS[receipt.status]:
                yield f"{receipt} was {how}, but {status} is stored"


def a_message_is_as_far_as_its_last_recipient(notes: Notes, stored: Stored) -> Violations:
    """A message's status is the lowest of its deliveries. The original backend may raise it."""
    by_original = {send.content for send in notes.sends if send.is_by_original}
    ranks = defaultdict(list)
    for receipt in stored.deliveries:
        ranks[receipt.message_id].append(_RANKS[receipt.status])
    for message in stored.messages:
        expected = min(ranks[message.key.message_id], default=0)
        rank = _RANKS.get(message.status, -1)
        if rank < expected or (rank > expected and message.content not in by_original):
            yield f"{message.key.message_id} is {message.status}; its recipients: {expected}"


def edits_are_kept(notes: Notes, stored: Stored) -> Violations:
    """An acked edit is stored. An edit without an ack may be stored."""
    contents = {message.key.message_id: message.content for message in stored.messages}
    for send in notes.sends:
        if not send.acks:
            continue
        content = contents.get(send.acks[0].message.message_id)
        if content is not None and content not in _possible_contents(send):
            yield f"{send.client_message_id} does not have the content that was acked"


def answers_come_in_time(notes: Notes, stored: Stored) -> Violations:
    """Every request is answered in time, during any fault of the database."""
    del stored
    yield from (f"{event} was not answered" for event in notes.unanswered)
    for answer in notes.answers:
        if answer.seconds > ANSWER_SECONDS + notes.slack_seconds:
            outcome = answer.code or "done"
            yield f"{answer.event} was answered after {answer.seconds:.1f} s: {outcome}"


def nothing_failed_unexpectedly(notes: Notes, stored: Stored) -> Violations:
    """No request got an internal error, and the log has neither tracebacks nor message contents."""
    del stored
    failed = sum(answer.code == "internal" for answer in notes.answers)
    if failed:
        yield f"{failed} requests met an internal error"
    lines = notes.server_log.splitlines()
    for number, line in enumerate(lines):
        if "Traceback" in line:
            text = "\n".join(lines[number : number + TRACEBACK_LINES])
            yield f"the server logged a traceback:\n{text}"
        if " as sent" in line or " as edited" in line:
            yield "the server logged a message"


CHECKS: tuple[Callable[[Notes, Stored], Iterable[str]], ...] = (
    every_send_is_acked,
    what_was_acked_is_stored,
    each_send_is_stored_once,
    numbers_have_no_gaps,
    numbers_follow_the_order_of_storing,
    everybody_sees_one_order,
    clients_of_nest_receive_nothing_twice,
    nothing_is_received_that_is_not_stored,
    nothing_is_left_out,
    open_connections_miss_nothing,
    local_delivery_continues,
    nobody_receives_other_channels,
    deliveries_are_those_of_the_members,
    unread_counts_equal_a_recount,
    receipts_never_go_back,
    receipts_are_stored,
    a_message_is_as_far_as_its_last_recipient,
    edits_are_kept,
    answers_come_in_time,
    nodes_recover_in_time,
    visitors_are_answered,
    servers_exit_in_time,
    clients_come_back,
    memory_is_bounded,
    nothing_failed_unexpectedly,
)


def _memberships(notes: Notes) -> Iterator[tuple[DeviceLog, Connection, str]]:
    """Return each connection with each channel, except the guest's channel."""
    for device in notes.devices:
        for connection in device.connections:
            for channel in MEMBERSHIPS[device.user_id]:
                if not _is_guests(device.user_id, channel):
                    yield device, connection, channel


def _first_sent_after(at: float, channel_id: str, notes: Notes) -> float:
    """Return the lowest ``seq`` of the messages that were first sent after this time."""
    return min(
        (
            ack.message.seq
            for send in notes.sends
            if send.channel_id == channel_id and send.asked_at > at
            for ack in send.acks
        ),
        default=inf,
    )


def _is_told(seq: int, received: set[int], told: set[int]) -> bool:
    """Whether a ``sync:required`` announced that the server leaves out this message."""
    before = max((each for each in received if each < seq), default=-1)
    return any(before <= after_seq < seq for after_seq in told)


def _acks(notes: Notes) -> Iterator[Ack]:
    return (ack for send in notes.sends for ack in send.acks)


def _deleted(notes: Notes) -> set[MessageKey]:
    return {ack.message for send in notes.sends if send.is_deletion_wanted for ack in send.acks}


def _is_guests(user_id: str, channel_id: str) -> bool:
    return (user_id, channel_id) == (GUEST, GUEST_CHANNEL)


def _possible_contents(send: Send) -> set[str | None]:
    return {send.edit} if send.is_edit_acked else {send.content, send.edit}
