"""Supports servers of revision 0005, which read and write ``message_deliveries``.

Triggers copy the changes of these servers to the tables of revision 0006. SQLite needs no triggers,
because only one server uses a file.
"""

from sqlalchemy import Connection

from app.adapters.sql.schema.tables import OTHERS

# Each trigger first locks ``delivered_ranges``, even if it then changes no range. The conversion
# locks this table as well, and so waits for the end of the trigger's transaction
# (`app.adapters.sql.schema.conversion` explains why).
_FUNCTIONS = (
    """
CREATE OR REPLACE FUNCTION add_delivered_seq(of_channel text, of_user text, new_seq integer)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE earlier RECORD;
BEGIN
    SELECT first_seq, end_seq INTO earlier FROM delivered_ranges
    WHERE channel_id = of_channel AND user_id = of_user AND first_seq <= new_seq
    ORDER BY first_seq DESC LIMIT 1 FOR UPDATE;
    IF earlier.end_seq > new_seq THEN
        RETURN;
    ELSIF earlier.end_seq = new_seq THEN
        UPDATE delivered_ranges SET end_seq = new_seq + 1
        WHERE channel_id = of_channel AND user_id = of_user AND first_seq = earlier.first_seq;
    ELSE
        INSERT INTO delivered_ranges (channel_id, user_id, first_seq, end_seq)
        VALUES (of_channel, of_user, new_seq, new_seq + 1) ON CONFLICT DO NOTHING;
    END IF;
END $$
""",
    # Members who joined after an adopted message was created are not recipients of the message.
    f"""
CREATE OR REPLACE FUNCTION record_old_send() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    LOCK TABLE delivered_ranges IN ROW EXCLUSIVE MODE;
    PERFORM add_delivered_seq(NEW.channel_id, done.user_id, NEW.seq) FROM (
        SELECT "userId" AS user_id FROM messages WHERE id = NEW.message_id
        UNION
        SELECT member."userId" FROM messages
        JOIN channel_members AS member ON member."channelId" = NEW.channel_id
        WHERE id = NEW.message_id AND {OTHERS.text} AND member.joined_at > messages."createdAt"
        ORDER BY user_id
    ) AS done;
    RETURN NULL;
END $$
""",  # noqa: S608 - our own condition
    # An UPDATE adds ranges only for deliveries that were SENT before. For other deliveries, the
    # range was added by an earlier report, or the conversion adds it. The function increments
    # ``revision``, so that servers of this version read the receipts of the message again. The
    # function also enables hash joins, which the sessions of servers disable, because the join of
    # `reported` and `before` is slow without them.
    """
CREATE OR REPLACE FUNCTION record_old_receipts() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT SET enable_hashjoin = on AS $$
BEGIN
    LOCK TABLE delivered_ranges IN ROW EXCLUSIVE MODE;
    PERFORM FROM message_sequences
    WHERE position IN (SELECT position FROM reported WHERE status <> 'SENT')
    ORDER BY position FOR NO KEY UPDATE;
    UPDATE message_sequences SET revision = revision + 1
    WHERE position IN (SELECT position FROM reported WHERE status <> 'SENT');
    INSERT INTO message_receipts (position, recipient_id, status, updated_at)
    SELECT position, recipient_id, status, updated_at FROM reported WHERE status <> 'SENT'
    ORDER BY position, recipient_id
    ON CONFLICT (position, recipient_id)
        DO UPDATE SET status = excluded.status, updated_at = excluded.updated_at
        WHERE message_receipts.status = 'DELIVERED' AND excluded.status = 'READ';
    IF TG_OP = 'INSERT' THEN
        PERFORM add_delivered_seq(done.channel_id, done.recipient_id, done.seq) FROM (
            SELECT sequence.channel_id, reported.recipient_id, sequence.seq FROM reported
            JOIN message_sequences AS sequence ON sequence.position = reported.position
            WHERE reported.status <> 'SENT' ORDER BY 1, 2, 3
        ) AS done;
    ELSE
        PERFORM add_delivered_seq(done.channel_id, done.recipient_id, done.seq) FROM (
            SELECT sequence.channel_id, reported.recipient_id, sequence.seq FROM reported
            JOIN before ON before.message_id = reported.message_id
                AND before.recipient_id = reported.recipient_id AND before.status = 'SENT'
            JOIN message_sequences AS sequence ON sequence.position = reported.position
            WHERE reported.status <> 'SENT' ORDER BY 1, 2, 3
        ) AS done;
    END IF;
    RETURN NULL;
END $$
""",
)
_DROP_TRIGGERS = (
    "DROP TRIGGER IF EXISTS record_old_send ON message_sequences",
    "DROP TRIGGER IF EXISTS record_old_receipts ON message_deliveries",
    "DROP TRIGGER IF EXISTS record_adopted_receipts ON message_deliveries",
)
_TRIGGERS = (
    """
CREATE TRIGGER record_old_send AFTER INSERT ON message_sequences
FOR EACH ROW WHEN (NEW.revision = 0) EXECUTE FUNCTION record_old_send()
""",
    """
CREATE TRIGGER record_old_receipts AFTER UPDATE ON message_deliveries
REFERENCING OLD TABLE AS before NEW TABLE AS reported
FOR EACH STATEMENT EXECUTE FUNCTION record_old_receipts()
""",
    # A server of revision 0005 that adopts a message also inserts the message's deliveries, and
    # some of them may be READ.
    """
CREATE TRIGGER record_adopted_receipts AFTER INSERT ON message_deliveries
REFERENCING NEW TABLE AS reported
FOR EACH STATEMENT EXECUTE FUNCTION record_old_receipts()
""",
)


def create_old_server_triggers(connection: Connection) -> None:
    """Create or replace the triggers on PostgreSQL."""
    if connection.dialect.name == "postgresql":
        for statement in (*_FUNCTIONS, *_DROP_TRIGGERS, *_TRIGGERS):
            connection.exec_driver_sql(statement)


def drop_old_server_triggers(connection: Connection) -> None:
    """Drop the triggers and functions that exist."""
    if connection.dialect.name == "postgresql":
        for statement in _DROP_TRIGGERS:
            connection.exec_driver_sql(statement)
        for function in ("record_old_send()", "record_old_receipts()"):
            connection.exec_driver_sql(f"DROP FUNCTION IF EXISTS {function}")
        connection.exec_driver_sql("DROP FUNCTION IF EXISTS add_delivered_seq(text, text, integer)")
