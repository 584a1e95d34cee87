// What the server makes of the text of a message. Page and server must agree on what is empty and
// on how long a text is: see app/domain/text.py.

const INVISIBLE = new RegExp(
  "^[\\p{Cc}\\p{White_Space}\\p{Default_Ignorable_Code_Point}" +
    // What has no glyph all the same; other format characters have one.
    "\\u2800\\ufff9-\\ufffb\\u{13430}-\\u{1343f}\\u{16fe4}\\u{1d159}]*$",
  "u",
);

/** Whether nothing in it can be seen: the server refuses such a message as empty. */
export function isBlank(text) {
  return INVISIBLE.test(text);
}

/** The number of characters the server counts: code points, without the white space around them. */
export function lengthOf(text) {
  let length = 0;
  for (const _ of text.trim()) length += 1;
  return length;
}
