import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import { MOST_ENTRIES, Outbox } from "../../../app/web/outbox.js";
import { pause } from "../../../app/web/timing.js";
import { pass, flushPromises } from "./eventually.mjs";

const LOST = Object.assign(new Error("No answer."), { temporary: true });
const UNSENT = Object.assign(new Error("Not connected."), { temporary: true, unsent: true });
const REFUSED = Object.assign(new Error("Too long."), { code: "invalid_payload" });
const DELETED = Object.assign(new Error("Deleted."), { code: "message_deleted" });

/** Returns an outbox, its sends and its failures. The first sends have these outcomes. */
function outbox(...outcomes) {
  return restored([], ...outcomes);
}

/** Returns an outbox like `outbox`, which starts with the entries of an earlier outbox. */
function restored(entries, ...outcomes) {
  const sent = [];
  const failed = [];
  const made = new Outbox({
    userId: "alice",
    entries,
    async send(entry) {
      sent.push({ content: entry.content, id: entry.id });
      const outcome = outcomes.shift();
      if (outcome !== undefined) throw outcome;
    },
    nextTry: () => pause(1_000),
    onChange() {},
    onFailure: (entry) => failed.push(entry.content),
  });
  return { outbox: made, sent, failed };
}

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout"] });
});

test("messages are sent in order when the first needs another attempt", async () => {
  const { outbox: box, sent } = outbox(LOST);

  for (const content of ["one", "two"]) box.add("general", content);
  await pass(mock.timers, 2_000);

  assert.deepEqual(sent.map(({ content }) => content), ["one", "one", "two"]);
  assert.equal(sent[0].id, sent[1].id);
  assert.deepEqual(box.entries, []);
});

test("a message is SENDING between attempts, and FAILED after four", async () => {
  const { outbox: box, sent, failed } = outbox(LOST, LOST, LOST, LOST);
  box.add("general", "one");
  await flushPromises();
  const before = box.entries[0].deliveryStatus;

  await pass(mock.timers, 10_000);

  assert.equal(before, "SENDING");
  assert.deepEqual([box.entries[0].deliveryStatus, box.entries[0].error], ["FAILED", "No answer."]);
  assert.equal(sent.length, 4);
  assert.deepEqual(failed, ["one"]);
});

test("a message is FAILED at once when the server refuses it, and others are sent", async () => {
  const { outbox: box, sent } = outbox(REFUSED);

  box.add("general", "bad");
  box.add("general", "good");
  box.add("random", "elsewhere");
  await flushPromises();

  assert.deepEqual(sent.map(({ content }) => content), ["bad", "good", "elsewhere"]);
  assert.deepEqual(
    box.entries.map(({ content, deliveryStatus }) => [content, deliveryStatus]),
    [["bad", "FAILED"]],
  );
});

test("a message that was not sent has used no attempt", async () => {
  const { outbox: box, sent } = outbox(...Array(9).fill(UNSENT));

  box.add("general", "one");
  await pass(mock.timers, 10_000);

  assert.equal(sent.length, 10);
  assert.deepEqual(box.entries, []);
});

test("a retry is the same message", async () => {
  const { outbox: box, sent } = outbox(REFUSED);
  box.add("general", "one");
  await flushPromises();

  box.retry(box.entries[0].id);
  await flushPromises();

  assert.equal(sent[0].id, sent[1].id);
  assert.deepEqual(box.entries, []);
});

test("a FAILED message that is edited is sent as another message", async () => {
  const { outbox: box, sent } = outbox(REFUSED);
  box.add("general", "too long");
  await flushPromises();

  box.retry(box.entries[0].id, "short");
  await flushPromises();

  assert.deepEqual(sent.map(({ content }) => content), ["too long", "short"]);
  assert.notEqual(sent[0].id, sent[1].id);
  assert.deepEqual(box.entries, []);
});

test("a FAILED message that is saved unchanged stays the same message", async () => {
  const { outbox: box, sent } = outbox(REFUSED);
  box.add("general", "one");
  await flushPromises();

  box.retry(box.entries[0].id, "one");
  await flushPromises();

  assert.equal(sent[0].id, sent[1].id);
});

test("messages of an earlier outbox are sent under their old ids, unless they have FAILED", async () => {
  const entries = [
    { id: "id-1", channelId: "general", content: "one", deliveryStatus: "FAILED", error: "No." },
    { id: "id-2", channelId: "general", content: "two", deliveryStatus: "SENDING", tries: 3 },
  ];
  const { outbox: box, sent } = restored(entries, LOST);
  await pass(mock.timers, 2_000);

  assert.deepEqual(sent.map(({ id }) => id), ["id-2", "id-2"]);
  assert.deepEqual(box.entries.map(({ id, error }) => [id, error]), [["id-1", "No."]]);
});

test("it is full when it has the maximum of entries", () => {
  const { outbox: box } = outbox(...Array(9).fill(UNSENT));

  for (let number = 1; number < MOST_ENTRIES; number += 1) box.add("general", `${number}`);
  const before = box.isFull;
  box.add("general", "the last");

  assert.deepEqual([before, box.isFull], [false, true]);
});

test("a discarded message is not sent again", async () => {
  const { outbox: box, sent } = outbox(LOST);
  box.add("general", "one");
  await flushPromises();

  box.discard(box.entries[0].id);
  await pass(mock.timers, 5_000);

  assert.equal(sent.length, 1);
  assert.deepEqual(box.entries, []);
});

test("an entry is removed when its message was stored and then deleted", async () => {
  const { outbox: box } = outbox(DELETED);

  box.add("general", "one");
  await flushPromises();

  assert.deepEqual(box.entries, []);
});
