"""Tests that the checks in tests/reliability/invariants.py find every kind of violation."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.reliability import invariants
from tests.reliability.evidence import (
    Ack,
    Answer,
    Connection,
    Exit,
    MessageKey,
    Outage,
    Receipt,
    Restart,
    Send,
    StoredMessage,
    SyncRequired,
    Visit,
)
from tests.reliability.sound_evidence import (
    FIRST,
    SECOND,
    STUDIO,
    SoundEvidence,
    fetched,
    reception,
)

Change = Callable[[SoundEvidence], object]

OTHER = MessageKey("m9", "kitchen", 9, "alice")


def _forget_the_claim(evidence: SoundEvidence) -> None:
    evidence.stored = replace(evidence.stored, client_messages=evidence.stored.client_messages[1:])


def _claim_twice(evidence: SoundEvidence) -> None:
    claims = [*evidence.stored.client_messages, ("alice", "alice-0", "m9")]
    evidence.stored = replace(evidence.stored, client_messages=claims)


def _store_also(key: MessageKey, content: str) -> Change:
    def change(evidence: SoundEvidence) -> None:
        row = StoredMessage(key, content, "SENT", 9)
        evidence.stored = replace(evidence.stored, messages=[*evidence.stored.messages, row])

    return change


def _count_further(evidence: SoundEvidence) -> None:
    evidence.stored = replace(evidence.stored, last_seqs={"kitchen": 3, "studio": 1})


def _keep_a_deleted_message(evidence: SoundEvidence) -> None:
    evidence.first.is_deletion_wanted = evidence.first.is_deletion_acked = True


def _lose_an_edit(evidence: SoundEvidence) -> None:
    evidence.first.edit, evidence.first.is_edit_acked = "alice-0 as edited", True


def _lose_a_delivery(evidence: SoundEvidence) -> None:
    evidence.stored = replace(evidence.stored, deliveries=evidence.stored.deliveries[1:])


def _miss_on_an_earlier_connection(evidence: SoundEvidence) -> None:
    """Dave receives the first and the third message in `kitchen`, and reconnects."""
    third = MessageKey("m4", "kitchen", 3, "bob")
    row = StoredMessage(third, "bob-1 as sent", "SENT", 4)
    evidence.stored = replace(evidence.stored, messages=[*evidence.stored.messages, row])
    evidence.dave.receptions[1] = reception(third)
    evidence.dave.connections.append(Connection(3.0, stream=1))


def _miss_the_first_message(evidence: SoundEvidence) -> None:
    evidence.dave.receptions.pop(0)
    evidence.dave.syncs.append(SyncRequired("kitchen", 1, stream=0))


def _log(line: str) -> Change:
    def change(evidence: SoundEvidence) -> None:
        evidence.notes.server_log += f"\n{line}"

    return change


VIOLATIONS: dict[str, tuple[str, Change]] = {
    "no ack": ("every_send_is_acked", lambda it: it.first.acks.clear()),
    "a refusal": ("every_send_is_acked", lambda it: it.first.refusals.append("not_a_member")),
    "revived": ("every_send_is_acked", lambda it: it.first.after_deletion.append(None)),
    "acked, not stored": ("what_was_acked_is_stored", lambda it: it.lose(FIRST)),
    "acked with another number": (
        "what_was_acked_is_stored",
        lambda it: it.store(FIRST, new_key=replace(FIRST, seq=3)),
    ),
    "acked as two": (
        "what_was_acked_is_stored",
        lambda it: it.first.acks.append(Ack(OTHER, "another phone", 0.6)),
    ),
    "deleted, still stored": ("what_was_acked_is_stored", _keep_a_deleted_message),
    "stored by the original backend, gone": (
        "what_was_acked_is_stored",
        lambda it: it.sends.append(
            Send("carol", "lobby", "carol-original-0", 0.5, is_by_original=True)
        ),
    ),
    "stored twice": ("each_send_is_stored_once", _store_also(OTHER, "alice-0 as sent")),
    "stored, never sent": ("each_send_is_stored_once", _store_also(OTHER, "alice-7 as sent")),
    "without its id": ("each_send_is_stored_once", _forget_the_claim),
    "claimed twice": ("each_send_is_stored_once", _claim_twice),
    "a gap": ("numbers_have_no_gaps", _count_further),
    "a number twice": (
        "numbers_have_no_gaps",
        lambda it: it.store(SECOND, new_key=replace(SECOND, seq=1)),
    ),
    "no number": (
        "numbers_have_no_gaps",
        lambda it: it.store(SECOND, new_key=replace(SECOND, seq=0)),
    ),
    "stored in another order": (
        "numbers_follow_the_order_of_storing",
        lambda it: it.store(FIRST, position=9),
    ),
    "received in another order": (
        "everybody_sees_one_order",
        lambda it: it.dave.receptions.reverse(),
    ),
    "received twice": (
        "everybody_sees_one_order",
        lambda it: it.dave.receptions.append(reception(SECOND)),
    ),
    "received twice, one between": (
        "everybody_sees_one_order",
        lambda it: it.dave.receptions.append(reception(FIRST)),
    ),
    "received twice from NestJS": (
        "clients_of_nest_receive_nothing_twice",
        lambda it: it.notes.received_by_nest.append("m1"),
    ),
    "received, not stored": (
        "nothing_is_received_that_is_not_stored",
        lambda it: it.dave.receptions.append(reception(OTHER)),
    ),
    "received with another number": (
        "nothing_is_received_that_is_not_stored",
        lambda it: it.dave.receptions.append(reception(replace(SECOND, seq=7))),
    ),
    "left out": ("nothing_is_left_out", lambda it: it.dave.receptions.pop(0)),
    "left out after a return": (
        "nothing_is_left_out",
        lambda it: it.notes.absences.clear(),
    ),
    "missed on an open connection": (
        "open_connections_miss_nothing",
        lambda it: it.dave.receptions.append(fetched(it.dave.receptions.pop(0))),
    ),
    "missed on an earlier connection": (
        "open_connections_miss_nothing",
        _miss_on_an_earlier_connection,
    ),
    "told of later messages only": ("open_connections_miss_nothing", _miss_the_first_message),
    "no local delivery": (
        "local_delivery_continues",
        lambda it: it.dave.receptions.append(fetched(it.dave.receptions.pop(0))),
    ),
    "late local delivery": (
        "local_delivery_continues",
        lambda it: it.dave.receptions.insert(0, replace(it.dave.receptions.pop(0), at=6.0)),
    ),
    "late recovery": (
        "nodes_recover_in_time",
        lambda it: it.notes.outages.append(Outage("stopped", frozenset({0}), 3.0, 4.0, 7.1)),
    ),
    "a visitor admitted": (
        "visitors_are_answered",
        lambda it: it.notes.visits.append(Visit("revoked after", "revoked", "admitted", 0.1)),
    ),
    "a visitor who waits": (
        "visitors_are_answered",
        lambda it: it.notes.visits.append(Visit("new after", "admitted", "admitted", 5.1)),
    ),
    "another exit code": (
        "servers_exit_in_time",
        lambda it: it.notes.exits.append(Exit(1, 0, seconds=1.0, max_seconds=10.0)),
    ),
    "a late exit": (
        "servers_exit_in_time",
        lambda it: it.notes.exits.append(Exit(0, 0, seconds=12.1, max_seconds=10.0)),
    ),
    "clients back late": (
        "clients_come_back",
        lambda it: it.notes.restarts.append(Restart("killed", 10, 32.1, 1, 1)),
    ),
    "keys fetched twice": (
        "clients_come_back",
        lambda it: it.notes.restarts.append(Restart("killed", 10, 1.0, 2, 1)),
    ),
    "much memory": ("memory_is_bounded", lambda it: setattr(it.notes, "memory_mb", 1_000.0)),
    "received by a stranger": (
        "nobody_receives_other_channels",
        lambda it: it.dave.receptions.append(
            reception(MessageKey("m4", "lobby", 1, "bob"), stream=1)
        ),
    ),
    "received one who was removed": (
        "nobody_receives_other_channels",
        lambda it: it.erin.receptions.append(reception(STUDIO)),
    ),
    "no delivery": ("deliveries_are_those_of_the_members", _lose_a_delivery),
    "delivered to the author": (
        "deliveries_are_those_of_the_members",
        lambda it: it.deliver(Receipt("m1", "alice", "SENT")),
    ),
    "delivered, not stored": (
        "deliveries_are_those_of_the_members",
        lambda it: it.deliver(Receipt("m9", "bob", "SENT")),
    ),
    "miscounted": (
        "unread_counts_equal_a_recount",
        lambda it: it.notes.counts.update(dave={"kitchen": 2, "studio": 1}),
    ),
    "counted for nothing": (
        "unread_counts_equal_a_recount",
        lambda it: it.notes.counts.update(bob={"studio": 1}),
    ),
    "a status goes back": ("receipts_never_go_back", lambda it: it.alice.receipts.reverse()),
    "received the same": (
        "receipts_never_go_back",
        lambda it: it.alice.receipts.append(Receipt("m1", "dave", "READ")),
    ),
    "acked report lost": (
        "receipts_are_stored",
        lambda it: it.notes.reported.append(Receipt("m1", "bob", "READ")),
    ),
    "received report lost": (
        "receipts_are_stored",
        lambda it: it.alice.receipts.append(Receipt("m1", "erin", "DELIVERED")),
    ),
    "too far": (
        "a_message_is_as_far_as_its_last_recipient",
        lambda it: it.store(FIRST, status="DELIVERED"),
    ),
    "not far enough": (
        "a_message_is_as_far_as_its_last_recipient",
        lambda it: it.deliver(Receipt("m1", "erin", "READ")),
    ),
    "edit lost": ("edits_are_kept", _lose_an_edit),
    "never edited": ("edits_are_kept", lambda it: it.store(FIRST, content="alice-0 as edited")),
    "too late": (
        "answers_come_in_time",
        lambda it: it.notes.answers.append(Answer("sendMessage", "unavailable", 5.1)),
    ),
    "no answer": ("answers_come_in_time", lambda it: it.notes.unanswered.append("sendMessage")),
    "a bug": (
        "nothing_failed_unexpectedly",
        lambda it: it.notes.answers.append(Answer("sendMessage", "internal", 0.1)),
    ),
    "a traceback": (
        "nothing_failed_unexpectedly",
        _log("Traceback (most recent call last):"),
    ),
    "a message in the log": ("nothing_failed_unexpectedly", _log("'alice-0 as sent'")),
}
"""For each violation: the check that must find it, and the change that causes it."""


def test_nothing_is_found_when_the_evidence_is_sound() -> None:
    evidence = SoundEvidence()

    found = invariants.violations(evidence.notes, evidence.stored)

    assert [] == found


@pytest.mark.parametrize(("name", "change"), VIOLATIONS.values(), ids=VIOLATIONS.keys())
def test_violation_is_found_when_the_evidence_is_changed(name: str, change: Change) -> None:
    """The expected check finds the violation; other checks may also find it."""
    evidence = SoundEvidence()

    change(evidence)

    (check,) = (each for each in invariants.CHECKS if each.__name__ == name)
    assert [] != list(check(evidence.notes, evidence.stored))


def test_every_check_is_tested() -> None:
    tested = {name for name, _ in VIOLATIONS.values()}

    assert {check.__name__ for check in invariants.CHECKS} == tested


def test_repeated_receptions_are_allowed_when_the_connection_was_another() -> None:
    """A device may fetch a message again after a reconnection."""
    evidence = SoundEvidence()

    evidence.dave.receptions.extend(reception(key, stream=1) for key in (FIRST, SECOND))

    assert [] == invariants.violations(evidence.notes, evidence.stored)


def test_messages_may_be_missing_when_the_client_was_told_to_fetch_them() -> None:
    evidence = SoundEvidence()
    evidence.notes.outages.clear()

    evidence.dave.syncs.append(SyncRequired("kitchen", 0, stream=0))
    evidence.dave.receptions[0] = fetched(evidence.dave.receptions[0])

    assert [] == invariants.violations(evidence.notes, evidence.stored)


def test_deleted_messages_may_be_missing_when_their_deletion_was_asked_for() -> None:
    """Devices may have received a deleted message before its deletion."""
    evidence = SoundEvidence()
    evidence.first.is_deletion_wanted = True
    evidence.lose(FIRST)
    rest = [each for each in evidence.stored.deliveries if each.message_id != FIRST.message_id]
    evidence.stored = replace(evidence.stored, deliveries=rest)

    found = invariants.violations(evidence.notes, evidence.stored)

    assert [] == found
