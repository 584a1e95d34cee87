// What the server makes of the text of a message. Page and server must agree on what is empty and
// on how long a text is: see app/services/message_content.py.

const INVISIBLE = /^[\p{Default_Ignorable_Code_Point}\p{Cf}\p{White_Space}\u2800\u3164]*$/u;

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
