import assert from "node:assert/strict";
import { test } from "node:test";
import { ChannelLog, MOST_MESSAGES } from "../../../app/web/channel_log.js";

function message(seq, changes = {}) {
  const at = `2026-01-01T00:00:00.${String(seq).padStart(3, "0")}Z`;
  const id = `m-${seq}`;
  return { id, seq, content: id, updatedAt: at, deliveryStatus: "SENT", ...changes };
}

const contents = (log) => log.messages.map(({ content }) => content);
const received = (...statuses) => ({
  messageId: "m-1",
  statuses: statuses.map(([recipientId, status]) => ({ recipientId, status })),
});

test("each message is kept once and in order when they come in another order", () => {
  const log = new ChannelLog();

  const areNew = [2, 3, 1, 3].map((seq) => log.add(message(seq)));

  assert.deepEqual(areNew, [true, true, true, false]);
  assert.deepEqual(contents(log), ["m-1", "m-2", "m-3"]);
});

test("an older text does not replace an edit when it comes later", () => {
  const log = new ChannelLog();
  log.add(message(1));

  log.update(message(1, { content: "edited", updatedAt: "2026-01-02T00:00:00.000Z" }));
  log.add(message(1));

  assert.deepEqual(contents(log), ["edited"]);
});

test("a deleted message stays deleted when an update follows", () => {
  const log = new ChannelLog();
  log.add(message(1));

  log.delete("m-1");
  log.update(message(1, { content: "edited", updatedAt: "2026-01-02T00:00:00.000Z" }));

  assert.deepEqual(contents(log), [""]);
  assert.equal(log.messages[0].deleted, true);
});

test("a message is deleted when the server's answer lacks it", () => {
  const log = new ChannelLog();
  for (const seq of [1, 2, 3]) log.add(message(seq));
  log.add(message(4)); // arrived after the server's answer was requested

  log.reconcile([message(1), message(3)], 3);

  assert.deepEqual(
    log.messages.map(({ deleted }) => deleted),
    [false, true, false, false],
  );
});

test("the oldest message is removed when there are too many", () => {
  const log = new ChannelLog();

  for (let seq = 1; seq <= MOST_MESSAGES + 1; seq += 1) log.add(message(seq));

  assert.equal(log.messages.length, MOST_MESSAGES);
  assert.equal(log.messages[0].seq, 2);
  assert.equal(log.isCut, true);
});

test("a message has the status of the recipient that is furthest behind", () => {
  const log = new ChannelLog();
  log.add(message(1));
  const ticks = [];

  for (const statuses of [
    [["bob", "READ"], ["carol", "SENT"]],
    [["carol", "DELIVERED"]],
    [["carol", "READ"]],
  ]) {
    log.receive(received(...statuses));
    ticks.push(log.messages[0].deliveryStatus);
  }

  assert.deepEqual(ticks, ["SENT", "DELIVERED", "READ"]);
  assert.deepEqual(log.receipts("m-1"), { recipients: 2, delivered: 2, read: 2 });
});

test("a status does not go back when a receipt comes late", () => {
  const log = new ChannelLog();
  log.add(message(1));

  log.receive(received(["bob", "READ"]));
  log.receive(received(["bob", "DELIVERED"]));

  assert.equal(log.messages[0].deliveryStatus, "READ");
});
