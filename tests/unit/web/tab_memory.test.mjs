import assert from "node:assert/strict";
import { test } from "node:test";
import { MOST_CHARS, TabMemory } from "../../../app/web/tab_memory.js";

/** Replaces `sessionStorage`. */
class Storage {
  items = new Map();

  getItem(key) {
    return this.items.get(key) ?? null;
  }

  setItem(key, value) {
    this.items.set(key, value);
  }

  removeItem(key) {
    this.items.delete(key);
  }
}

const ENTRY = {
  id: "id-1",
  channelId: "general",
  content: "hello",
  createdAt: "2026-01-01T00:00:00.000Z",
  deliveryStatus: "SENDING",
};

function memory(storage = new Storage(), userId = "alice") {
  return new TabMemory(() => storage, userId);
}

test("channel, drafts and unsent messages are the same after a reload", () => {
  const storage = new Storage();
  const before = memory(storage);
  before.channelId = "random";
  before.keepDraft("general", "half a thou");
  before.keepDraft("random", "gone");
  before.keepDraft("random", "");
  const isKept = before.keepUnsent([ENTRY]);

  const after = memory(storage);

  assert.equal(isKept, true);
  assert.equal(after.channelId, "random");
  assert.deepEqual([after.draft("general"), after.draft("random")], ["half a thou", ""]);
  assert.deepEqual(after.unsent, [ENTRY]);
});

test("another user of the tab does not see it", () => {
  const storage = new Storage();
  const alice = memory(storage);
  alice.channelId = "random";
  alice.keepDraft("general", "mine");
  alice.keepUnsent([ENTRY]);

  const bob = memory(storage, "bob");

  assert.deepEqual([bob.channelId, bob.draft("general"), bob.unsent], [null, "", []]);
});

test("drafts last as long as the page when the browser blocks storage", () => {
  const blocked = new TabMemory(() => {
    throw new Error("denied");
  }, "alice");

  blocked.channelId = "random";
  blocked.keepDraft("general", "half a thou");

  assert.equal(blocked.draft("general"), "half a thou");
  assert.equal(blocked.keepUnsent([ENTRY]), false);
  assert.deepEqual([blocked.channelId, blocked.unsent], [null, []]);
});

test("too large a value is not kept, and no older value remains", () => {
  const storage = new Storage();
  memory(storage).keepUnsent([ENTRY]);

  const isKept = memory(storage).keepUnsent([{ ...ENTRY, content: "x".repeat(MOST_CHARS) }]);

  assert.equal(isKept, false);
  assert.deepEqual(memory(storage).unsent, []);
});

for (const foreign of ["no JSON", "{}", "7", '[["general", 5]]', '[null, {"id": 5}]']) {
  test(`a value of another page is ignored: ${foreign}`, () => {
    const storage = new Storage();
    memory(storage).keepDraft("general", "x");
    memory(storage).keepUnsent([ENTRY]);
    for (const key of storage.items.keys()) storage.items.set(key, foreign);

    const after = memory(storage);

    assert.deepEqual([after.draft("general"), after.unsent], ["", []]);
  });
}
