import assert from "node:assert/strict";
import { test } from "node:test";
import { pagesOf, startOfLast } from "../../../app/web/history.js";

/** Returns a server's `ask` and its requests. Its only channel has messages from `seq` 1 on. */
function channelOf(count, { isMissing = () => false } = {}) {
  const asked = [];
  async function ask(_, { channelId, afterSeq, cursor, limit }) {
    asked.push({ channelId, afterSeq, cursor, limit });
    const messages = [];
    let seq = cursor ?? afterSeq;
    while (seq < count && messages.length < limit) {
      seq += 1;
      if (!isMissing(seq)) messages.push({ seq });
    }
    return { messages, nextCursor: seq < count ? seq : null };
  }
  return { ask, asked };
}

async function read(ask, wanted) {
  const sequences = [];
  for await (const page of pagesOf(ask, wanted)) sequences.push(...page.map(({ seq }) => seq));
  return sequences;
}

test("all pages after a sequence are read", async () => {
  const { ask, asked } = channelOf(250);

  const sequences = await read(ask, { channelId: "general", afterSeq: 10 });

  assert.deepEqual([sequences.length, sequences[0], sequences.at(-1)], [240, 11, 250]);
  assert.deepEqual(asked.map(({ cursor }) => cursor), [undefined, 110, 210]);
});

for (const count of [0, 1, 499, 500, 501, 1_000, 1_001, 4_321, 100_000]) {
  test(`of ${count} messages at least the last 500 are read, and not many more`, async () => {
    const { ask, asked } = channelOf(count);

    const afterSeq = await startOfLast(ask, "general", 500);

    const read = count - afterSeq;
    assert.ok(read >= Math.min(count, 500) && read <= 1_000, `${read} messages are read`);
    assert.ok(asked.length <= 17, `${asked.length} requests`);
  });
}

test("deleted messages do not hide the end of a channel", async () => {
  const { ask } = channelOf(10_000, { isMissing: (seq) => seq > 600 && seq < 9_000 });

  const afterSeq = await startOfLast(ask, "general", 500);

  assert.ok(afterSeq >= 9_000 && afterSeq <= 9_500, `it reads after ${afterSeq}`);
});
