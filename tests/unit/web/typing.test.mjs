import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import { DEBOUNCE_MS, EXPIRY_MS, OthersTyping, OwnTyping } from "../../../app/web/typing.js";

/** One's own typing, and the events it sent. */
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

test("typing is told once, after a pause of half a second", () => {
  const { typing, sent } = ownTyping();

  for (let key = 0; key < 5; key += 1) {
    typing.keystroke("general");
    mock.timers.tick(DEBOUNCE_MS - 1);
  }
  const before = sent.length;
  mock.timers.tick(1);

  assert.equal(before, 0);
  assert.deepEqual(sent, [["typing", "general"]]);
});

test("typing is told all the same, every 2.5 s, when there is no pause", () => {
  const { typing, sent } = ownTyping();

  for (let key = 0; key < 60; key += 1) {
    typing.keystroke("general");
    mock.timers.tick(100);
  }

  assert.deepEqual(sent, [
    ["typing", "general"],
    ["typing", "general"],
  ]);
});

test("stopping is told when typing was, and then nothing more", () => {
  const { typing, sent } = ownTyping();
  typing.keystroke("general");
  mock.timers.tick(DEBOUNCE_MS);

  typing.keystroke("general");
  typing.stop();
  typing.stop();
  mock.timers.tick(10_000);

  assert.deepEqual(sent, [
    ["typing", "general"],
    ["typing:stop", "general"],
  ]);
});

test("nothing is told when the text was sent or emptied within the pause", () => {
  const { typing, sent } = ownTyping();

  for (const end of [() => typing.stop(), () => typing.sent()]) {
    typing.keystroke("general");
    end();
    mock.timers.tick(10_000);
  }

  assert.deepEqual(sent, []);
});

test("stopping is told to the old channel when the next key is for another", () => {
  const { typing, sent } = ownTyping();
  typing.keystroke("general");
  mock.timers.tick(DEBOUNCE_MS);

  typing.keystroke("random");
  mock.timers.tick(DEBOUNCE_MS);

  assert.deepEqual(sent, [
    ["typing", "general"],
    ["typing:stop", "general"],
    ["typing", "random"],
  ]);
});

test("others stop typing by themselves when their end gets lost", () => {
  const changed = [];
  const typing = new OthersTyping((channelId) => changed.push(channelId));

  typing.heard({ userId: "bob", channelId: "general", isTyping: true });
  const before = typing.in("general");
  mock.timers.tick(EXPIRY_MS);

  assert.deepEqual(before, ["bob"]);
  assert.deepEqual(typing.in("general"), []);
  assert.deepEqual(changed, ["general", "general"]);
});
