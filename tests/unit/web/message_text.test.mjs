import assert from "node:assert/strict";
import { test } from "node:test";
import { isBlank, lengthOf } from "../../../app/web/message_text.js";

for (const [name, text] of [
  ["nothing", ""],
  ["spaces and line breaks", " \t\r\n\u00a0\u3000"],
  ["a zero width space", "\u200b"],
  ["joiners and directional marks", "\u200c\u200d\u200e\u202e\u2066"],
  ["a braille blank", "\u2800"],
  ["Hangul fillers", "\u115f\u1160\u3164\uffa0"],
  ["variation selectors", "\ufe0f\u{e0100}"],
  ["tags and a soft hyphen", "\u{e0041}\u00ad"],
]) {
  test(`a message of ${name} is blank`, () => assert.equal(isBlank(text), true));
}

for (const text of ["\u0600", "a", ".", "\u200bx", "👩‍👩‍👧", "❤️", "한"]) {
  test(`"${text}" is not blank`, () => assert.equal(isBlank(text), false));
}

test("characters are counted as code points, without white space around them", () => {
  assert.equal(lengthOf("  \u{1f600}\u{1f600} é \n"), 4);
  assert.equal(lengthOf(" \n "), 0);
});
