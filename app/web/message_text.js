// The server's rules for the text of a message: whether it is blank, and its length. They must
// agree with app/domain/text.py.

const INVISIBLE = new RegExp(
  "^[\\p{Cc}\\p{White_Space}\\p{Default_Ignorable_Code_Point}" +
    // These format characters have no glyph; others have one.
    "\\u2800\\ufff9-\\ufffb\\u{13430}-\\u{1343f}\\u{16fe4}\\u{1d159}]*$",
  "u",
);

/** Whether the text has no visible character; the server refuses it as empty. */
export function isBlank(text) {
  return INVISIBLE.test(text);
}

/** The length that the server counts: code points without surrounding white space. */
export function lengthOf(text) {
  let length = 0;
  for (const _ of text.trim()) length += 1;
  return length;
}
