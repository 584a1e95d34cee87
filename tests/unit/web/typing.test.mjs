import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import { EXPIRY_MS, OthersTyping, OwnTyping, REPEAT_MS } from "../../../app/web/typing.js";

/** Returns an `OwnTyping`, and the events that it sends. */
function ownTyping() {
  const sent = [];
  const typing = new OwnTyping(async (event, { channelId }) => {
    sent.push([event, channelId]);
  });
  return { typing, sent };
}

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout", "Date"] });
});

test("typing is sent at the first key, and not again at the next ones", () => {
  const { typing, sent } = ownTyping();

  typing.keystroke("general");
  const first = [...sent];
  for (let key = 0; key < 5; key += 1) {
    mock.timers.tick(100);
    typing.keystroke("general");
  }

  assert.deepEqual(first, [["typing", "general"]]);
  assert.deepEqual(sent, first);
});

test("typing is sent every 2.5 s while keys are pressed", () => {
  const { typing, sent } = ownTyping();

  for (let ms = 0; ms < 2 * REPEAT_MS; ms += 100) {
    typing.keystroke("general");
    mock.timers.tick(100);
  }
  mock.timers.tick(60_000);

  assert.deepEqual(sent, Array(2).fill(["typing", "general"]));
});

test("the end is sent once, when the text is emptied", () => {
  const { typing, sent } = ownTyping();

  typing.stop();
  typing.keystroke("general");
  typing.stop();
  typing.stop();

  assert.deepEqual(sent, [
    ["typing", "general"],
    ["typing:stop", "general"],
  ]);
});

test("no end is sent after a message, and the next key counts as the first", () => {
  const { typing, sent } = ownTyping();

  typing.keystroke("general");
  typing.sent();
  typing.stop();
  typing.keystroke("general");

  assert.deepEqual(sent, Array(2).fill(["typing", "general"]));
});

test("the end is sent to the old channel when the next key is for another", () => {
  const { typing, sent } = ownTyping();

  typing.keystroke("general");
  typing.keystroke("random");

  assert.deepEqual(sent, [
    ["typing", "general"],
    ["typing:stop", "general"],
    ["typing", "random"],
  ]);
});

test("the typing of others expires when its end was lost", () => {
  const changed = [];
  const typing = new OthersTyping((channelId) => changed.push(channelId));

  typing.update({ userId: "bob", channelId: "general", isTyping: true });
  const before = typing.in("general");
  mock.timers.tick(EXPIRY_MS);

  assert.deepEqual(before, ["bob"]);
  assert.deepEqual(typing.in("general"), []);
  assert.deepEqual(changed, ["general", "general"]);
});
